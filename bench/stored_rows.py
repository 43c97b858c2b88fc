"""Fills a database with turns that ended long ago, by copying one that did.

Every row of the one turn is copied with new identifiers, so that tables and indexes grow as if the
turns had been held. What no turn ever reads again (trace, events, record) is cut short.
"""

from collections.abc import Callable, Mapping
from typing import Final, LiteralString, TypeAlias

import psycopg
from psycopg import sql

CHUNK: Final = 100_000
TENANTS: Final = 40
"""How many tenants the turns belong to: the one that is measured, and others."""

TURNS_A_SESSION: Final = 8
DAYS: Final = 45
"""Over so many days the turns are spread; partitions of two months take them."""

Connection: TypeAlias = "psycopg.Connection[tuple[object, ...]]"
Changed: TypeAlias = Mapping[str, LiteralString]

_SHORT: Final = "'\\x00'::bytea"
_CHANGED: Final[Mapping[str, Changed]] = {
    "turns": {
        "turn_id": "m.turn_id",
        "session_id": "m.session_id",
        "question_id": "m.question_id",
        "answer_id": "m.answer_id",
        "record_id": "m.record_id",
        "trace": _SHORT,
    },
    "messages": {
        "message_id": "case t.role when 1 then m.answer_id else m.question_id end",
        "session_id": "m.session_id",
        "turn_id": "m.turn_id",
    },
    "turn_requests": {
        "session_id": "m.session_id",
        "turn_id": "m.turn_id",
        "request_id": "m.turn_id::text",
    },
    "turn_events": {"turn_id": "m.turn_id", "payload": _SHORT},
    "invocations": {"invocation_id": "m.invocation_id", "turn_id": "m.turn_id"},
    "ledger": {"reference_id": "m.turn_id"},
    "records": {
        "record_id": "m.record_id",
        "turn_id": "m.turn_id",
        "position": "m.position",
        "body": _SHORT,
        "seal": _SHORT,
    },
}
"""The columns that differ from the copied turn's, and what stands in them."""

_OF_TURN: Final[Mapping[str, str]] = {"ledger": "reference_id"}
"""The column that names a row's turn, where it is not `turn_id`."""

_MADE: Final = """
create temp table made (
    tenant_id uuid, session_id uuid, turn_id uuid, question_id uuid, answer_id uuid,
    invocation_id uuid, record_id uuid, position bigint)
"""
_MAKE: Final = """
with sessions_made as materialized (
    select k, i.ids[1 + k %% cardinality(i.ids)] as tenant_id, uuidv7(-b) as session_id, b
      from (select array_agg(tenant_id order by tenant_id) as ids from filled) i,
           lateral (select k, random() * make_interval(days => %(days)s) as b
                      from generate_series(1, %(sessions)s) k) s
), turns_made as (
    select tenant_id, session_id, uuidv7(-b) as turn_id, uuidv7(-b) as question_id,
           uuidv7(-b) as answer_id, uuidv7(-b) as invocation_id, uuidv7(-b) as record_id,
           row_number() over (partition by tenant_id) as place
      from sessions_made, generate_series(1, %(each)s)
)
insert into made
select m.tenant_id, session_id, turn_id, question_id, answer_id, invocation_id, record_id,
       n.record_position + place
  from turns_made m
  join tenants n on n.tenant_id = m.tenant_id
"""
_COUNT: Final = """
with counted as (select tenant_id, max(position) as last from made group by tenant_id),
     moved as (update chain_heads h set position = last from counted c
                where h.tenant_id = c.tenant_id)
update tenants n set record_position = last from counted c where n.tenant_id = c.tenant_id
"""


def fill(url: str, turns: int, say: Callable[[str], None]) -> None:
    """Store so many turns besides; the connection must be a superuser's. Blocks."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        template = connection.execute(
            "select t.tenant_id, t.turn_id, t.session_id from turns t"
            " join records r on r.tenant_id = t.tenant_id and r.record_id = t.record_id"
            " where t.state = 4 and r.seal is not null limit 1"
        ).fetchone()
        if template is None:
            raise LookupError("no turn has ended that could be copied")
        tenant, turn, session = template
        _name_tenants(connection, tenant)
        connection.execute(_MADE)
        for stored in range(0, turns, CHUNK):
            with connection.transaction():
                _store(connection, min(CHUNK, turns - stored), tenant, turn, session)
            say(f"{stored + CHUNK} of {turns} turns are stored")
        say("vacuum and checkpoint")
        connection.execute("vacuum (analyze)")
        connection.execute("checkpoint")


def _name_tenants(connection: Connection, tenant: object) -> None:
    connection.execute("create temp table filled (tenant_id uuid)")
    connection.execute("insert into filled values (%s)", (tenant,))
    changed: Changed = {"tenant_id": "gen_random_uuid()", "record_position": "0"}
    columns = _copied(connection, "tenants", changed)
    connection.execute(
        sql.SQL(
            "with made as (insert into tenants ({names}) select {values} from tenants t,"
            " generate_series(2, %(tenants)s) where t.tenant_id = %(tenant)s returning tenant_id)"
            " insert into filled select tenant_id from made"
        ).format(**columns),
        {"tenants": TENANTS, "tenant": tenant},
    )


def _store(
    connection: Connection,
    turns: int,
    tenant: object,
    turn: object,
    session: object,
) -> None:
    connection.execute("truncate made")
    connection.execute(
        _MAKE,
        {
            "days": DAYS,
            "sessions": max(1, turns // TURNS_A_SESSION),
            "each": min(turns, TURNS_A_SESSION),
        },
    )
    for table, changed in _CHANGED.items():
        columns = _copied(connection, table, {"tenant_id": "m.tenant_id", **changed})
        connection.execute(
            sql.SQL(
                "insert into {table} ({names}) select {values} from made m, {table} t"
                " where t.tenant_id = %(tenant)s and t.{of_turn} = %(turn)s"
            ).format(
                table=sql.Identifier(table),
                of_turn=sql.Identifier(_OF_TURN.get(table, "turn_id")),
                **columns,
            ),
            {"tenant": tenant, "turn": turn},
        )
    columns = _copied(
        connection, "sessions", {"tenant_id": "m.tenant_id", "session_id": "m.session_id"}
    )
    connection.execute(
        sql.SQL(
            "insert into sessions ({names}) select {values}"
            " from (select distinct tenant_id, session_id from made) m, sessions t"
            " where t.tenant_id = %(tenant)s and t.session_id = %(session)s"
        ).format(**columns),
        {"tenant": tenant, "session": session},
    )
    connection.execute(_COUNT)


def _copied(connection: Connection, table: str, changed: Changed) -> dict[str, sql.Composable]:
    """The columns of a table by name, and what is copied into each."""
    found = connection.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0"
        " and not attisdropped and attgenerated = '' order by attnum",
        (table,),
    ).fetchall()
    names = [str(name) for (name,) in found]
    return {
        "names": sql.SQL(", ").join(map(sql.Identifier, names)),
        "values": sql.SQL(", ").join(
            sql.SQL(changed[name]) if name in changed else sql.Identifier("t", name)
            for name in names
        ),
    }
