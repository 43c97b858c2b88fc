"""Deploys the database functions: one a file, each by the role it belongs to."""

import hashlib
from collections.abc import Iterator
from typing import Final

import psycopg

from adapters.postgres.roles import DEFINER_ROLES, DEFINERS, OWNER
from adapters.postgres.schema import FUNCTIONS

_DROP: Final = """
do $$ declare one regprocedure; begin
    for one in select p.oid from pg_proc p
                where p.pronamespace = 'public'::regnamespace and p.proowner = current_user::regrole
                  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    loop
        execute format('drop function %s', one);
    end loop;
end $$"""


def functions_digest() -> str:
    """What the deployed functions are compared with: all files and who runs them."""
    digest = hashlib.sha256(repr(DEFINERS).encode())
    for path in sorted(FUNCTIONS.glob("*.sql")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def function_statements() -> Iterator[str]:
    """Replace every function; those of another release are dropped first.

    What they take and give back may have changed, and PostgreSQL would refuse the new one or keep
    both. A definer function is made by its role, which may make things in the schema for that
    moment only; whoever may call it is granted that by name.
    """
    definers = {definer.name: definer for definer in DEFINERS}
    for role in (OWNER, *DEFINER_ROLES):
        yield f"set local role {role}"
        yield _DROP
    yield "set local check_function_bodies = off"
    yield f"set local role {OWNER}"
    for path in sorted(FUNCTIONS.glob("*.sql")):
        definer = definers.get(path.stem)
        role = OWNER if definer is None else definer.role
        if role != OWNER:
            yield "set local role none"
            yield f"grant create on schema public to {role}"
        yield f"set local role {role}"
        yield path.read_text(encoding="utf-8")
        if definer is not None:
            yield f"revoke all on function {path.stem} from public"
            yield f"grant execute on function {path.stem} to {', '.join(definer.callers)}"
        if role != OWNER:
            yield "set local role none"
            yield f"revoke create on schema public from {role}"
            yield f"set local role {OWNER}"


def deploy_functions(connection: "psycopg.Connection[tuple[object, ...]]") -> bool:
    """Deploy the functions if the deployed ones are others; whether they were. In a transaction."""
    digest = functions_digest()
    connection.execute(f"set local role {OWNER}")
    connection.execute("create table if not exists deployed_functions (digest text primary key)")
    known = connection.execute("select digest from deployed_functions").fetchone()
    if known is not None and known[0] == digest:
        return False
    for statement in function_statements():
        connection.execute(statement.encode())
    connection.execute("delete from deployed_functions")
    connection.execute("insert into deployed_functions values (%s)", (digest,))
    connection.execute("grant select on deployed_functions to somagent_request, somagent_writer")
    return True
