"""Commands about calls of tools."""

# ruff: noqa: PLC0415 - each command brings what it needs: help must not wait for gRPC
import asyncio
from enum import StrEnum
from typing import Annotated

import typer

from entrypoints.cli.calling import Server, calling
from entrypoints.cli.options import JsonFlag, Tenant

app = typer.Typer(
    help="Calls of tools whose outcome nobody knows: look, and say what became of them.",
    no_args_is_help=True,
)


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@app.command()
@calling
def unknown(
    server: Server,
    tenant: Tenant = "",
    *,
    json: JsonFlag = False,
) -> None:
    """List calls that may have taken effect, the newest first."""
    from entrypoints.cli.connecting import tenant_name
    from entrypoints.cli.screen import Screen
    from entrypoints.cli.unknown_calls import fetch_unknown, show_calls

    remembered = server.remembered
    target = server.target()
    calls = asyncio.run(fetch_unknown(target, tenant_name(tenant, remembered)))
    show_calls(Screen.standard(json=json), calls)


@app.command()
@calling
def resolve(
    server: Server,
    name: Annotated[str, typer.Argument(help="tenants/{tenant}/invocations/{invocation}")],
    outcome: Annotated[Outcome, typer.Argument(help="How it had ended.")],
    *,
    note: Annotated[str, typer.Option(help="How that was found out.")],
    content: Annotated[str, typer.Option(help="What the tool answered, where it is known.")] = "",
    json: JsonFlag = False,
) -> None:
    """Say what became of a call. Nothing is run, and nothing that was said is unsaid."""
    from entrypoints.cli.screen import Screen
    from entrypoints.cli.unknown_calls import Finding, resolve_call, show_resolved

    target = server.target()
    found = Finding(name=name, outcome=outcome.value, content=content, note=note)
    show_resolved(Screen.standard(json=json), asyncio.run(resolve_call(target, found)))
