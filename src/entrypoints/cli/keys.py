"""Commands about API keys."""

# ruff: noqa: PLC0415 - each command brings what it needs: help must not wait for gRPC
import asyncio
from datetime import datetime
from typing import Annotated

import typer

from entrypoints.cli.options import Address, Authority, JsonFlag, Key, Plaintext, Tenant

app = typer.Typer(help="Make and revoke API keys.", no_args_is_help=True)


@app.command()
def create(  # noqa: PLR0913 - one parameter an option
    name: Annotated[str, typer.Argument(help="For people, to tell keys apart.")],
    tenant: Tenant = "",
    role: Annotated[
        list[str] | None,
        typer.Option(help="administrator, developer, member, auditor or service. Unset: member."),
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="Narrows the roles, as in `conversation:*`.")
    ] = None,
    subject: Annotated[str, typer.Option(help="Who acts by it; unset: the key itself.")] = "",
    expires: Annotated[datetime | None, typer.Option(help="When it ends, UTC.")] = None,
    *,
    address: Address = "",
    key: Key = "",
    authority: Authority = None,
    plaintext: Plaintext = False,
    json: JsonFlag = False,
) -> None:
    """Create an API key. Its secret is written once, here: keep it."""
    from entrypoints.cli.administering import NewKey, create_key
    from entrypoints.cli.connecting import target_of, tenant_name
    from entrypoints.cli.remembered import memory_path, recall
    from entrypoints.cli.screen import Screen
    from entrypoints.cli.turn_view import json_of

    remembered = recall(memory_path())
    new = NewKey(
        tenant=tenant_name(tenant, remembered),
        display_name=name,
        roles=tuple(role or ("member",)),
        scopes=tuple(scope or ()),
        subject=subject,
        expires=expires,
    )
    target = target_of(
        remembered,
        address=address,
        key=key,
        plaintext=plaintext,
        authority=authority,
        administering=True,
    )
    created = asyncio.run(create_key(target, new))
    screen = Screen.standard(json=json)
    if screen.json:
        screen.emit(json_of(created))
        return
    screen.note(f"{created.api_key.name}, roles {', '.join(created.api_key.roles)}")
    screen.note("the secret, which is kept nowhere:")
    screen.say(created.secret)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="tenants/{tenant}/keys/{key}")],
    *,
    address: Address = "",
    key: Key = "",
    authority: Authority = None,
    plaintext: Plaintext = False,
    json: JsonFlag = False,
) -> None:
    """Revoke an API key for good, on every server within five seconds."""
    from entrypoints.cli.administering import revoke_key
    from entrypoints.cli.connecting import target_of
    from entrypoints.cli.remembered import memory_path, recall
    from entrypoints.cli.screen import Screen
    from entrypoints.cli.turn_view import json_of

    target = target_of(
        recall(memory_path()),
        address=address,
        key=key,
        plaintext=plaintext,
        authority=authority,
        administering=True,
    )
    revoked = asyncio.run(revoke_key(target, name))
    screen = Screen.standard(json=json)
    if screen.json:
        screen.emit(json_of(revoked))
    else:
        screen.say(f"{revoked.name} revoked", "green")
