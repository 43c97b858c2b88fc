"""Commands about API keys."""

# ruff: noqa: PLC0415 - each command brings what it needs: help must not wait for gRPC
import asyncio
from datetime import datetime
from typing import Annotated

import typer

from entrypoints.cli.calling import Server, calling
from entrypoints.cli.options import Config, JsonFlag, Tenant

app = typer.Typer(help="Make and revoke API keys.", no_args_is_help=True)


@app.command()
@calling
def create(  # noqa: PLR0913 - one parameter an option
    server: Server,
    name: Annotated[str, typer.Argument(help="For people, to tell keys apart.")],
    tenant: Tenant = "",
    role: Annotated[
        list[str] | None,
        typer.Option(help="administrator, developer, member, auditor or service. Unset: member."),
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="Narrows the roles, as in `conversation:*`.")
    ] = None,
    *,
    subject: Annotated[str, typer.Option(help="Who acts by it; unset: the key itself.")] = "",
    expires: Annotated[datetime | None, typer.Option(help="When it ends, UTC.")] = None,
    json: JsonFlag = False,
) -> None:
    """Create an API key. Its secret is written once, here: keep it."""
    from entrypoints.cli.administering import NewKey, create_key
    from entrypoints.cli.connecting import tenant_name
    from entrypoints.cli.screen import Screen
    from entrypoints.cli.turn_view import json_of

    remembered = server.remembered
    new = NewKey(
        tenant=tenant_name(tenant, remembered),
        display_name=name,
        roles=tuple(role or ("member",)),
        scopes=tuple(scope or ()),
        subject=subject,
        expires=expires,
    )
    target = server.target(administering=True)
    created = asyncio.run(create_key(target, new))
    screen = Screen.standard(json=json)
    if screen.json:
        screen.emit(json_of(created))
        return
    screen.note(f"{created.api_key.name}, roles {', '.join(created.api_key.roles)}")
    screen.note("the secret, which is kept nowhere:")
    screen.say(created.secret)


@app.command()
@calling
def revoke(
    server: Server,
    name: Annotated[str, typer.Argument(help="tenants/{tenant}/keys/{key}")],
    *,
    json: JsonFlag = False,
) -> None:
    """Revoke an API key for good, on every server within five seconds."""
    from entrypoints.cli.administering import revoke_key
    from entrypoints.cli.screen import Screen
    from entrypoints.cli.turn_view import json_of

    target = server.target(administering=True)
    revoked = asyncio.run(revoke_key(target, name))
    screen = Screen.standard(json=json)
    if screen.json:
        screen.emit(json_of(revoked))
    else:
        screen.say(f"{revoked.name} revoked", "green")


@app.command()
def current() -> None:
    """Print the key that is remembered, for other clients: KEY=$(somagent keys current)."""
    from entrypoints.cli.failure import CommandFailedError
    from entrypoints.cli.remembered import memory_path, recall
    from entrypoints.cli.screen import Screen

    key = recall(memory_path()).key
    if not key:
        raise CommandFailedError("no key is remembered", "`make run` makes one")
    Screen.standard().say(key)


@app.command()
def operator(config: Config = None, *, json: JsonFlag = False) -> None:
    """Print the operator's key of this machine's service; make it where there is none.

    Whoever can read the service's settings, secrets and database is its operator. The key is
    remembered for the commands that need it.
    """
    import msgspec

    from entrypoints.cli.configuring import loaded
    from entrypoints.cli.operator_access import operator_secret
    from entrypoints.cli.remembered import memory_path, recall, remember
    from entrypoints.cli.screen import Screen

    settings = loaded(config).settings
    secret = asyncio.run(operator_secret(settings))
    path = memory_path()
    remembered = msgspec.structs.replace(
        recall(path), address=settings.server.address, operator_key=secret
    )
    remember(path, remembered)
    screen = Screen.standard(json=json)
    if screen.json:
        screen.emit({"secret": secret})
    else:
        screen.say(secret)
