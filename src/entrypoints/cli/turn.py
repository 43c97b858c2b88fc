"""Commands about turns."""

# ruff: noqa: PLC0415 - each command brings what it needs: help must not wait for gRPC
import asyncio
from typing import Annotated

import typer

from entrypoints.cli.calling import Server, calling
from entrypoints.cli.options import JsonFlag

app = typer.Typer(help="Look into turns.", no_args_is_help=True)


@app.command()
@calling
def show(
    server: Server,
    name: Annotated[
        str, typer.Argument(help="tenants/…/sessions/…/turns/…; unset: the last of `chat`.")
    ] = "",
    *,
    json: JsonFlag = False,
) -> None:
    """Show why a turn did what it did: phases and times, choices, lanes, tools, costs."""
    from entrypoints.assembly.offline import identifiers
    from entrypoints.cli.client import open_client
    from entrypoints.cli.failure import CommandFailedError, ExitCode
    from entrypoints.cli.screen import Screen
    from entrypoints.cli.trace_view import fetch_turn, show_turn
    from entrypoints.cli.turn_view import json_of

    remembered = server.remembered
    turn_name = name or remembered.turn
    if not turn_name:
        raise CommandFailedError("no turn is named", "give its name", code=ExitCode.USAGE)
    target = server.target()

    async def seen() -> None:
        async with open_client(target, identifiers()) as client:
            turn, trace = await fetch_turn(client, turn_name)
        screen = Screen.standard(json=json)
        if screen.json:
            screen.emit({"turn": json_of(turn), "decision_trace": json_of(trace)})
        else:
            show_turn(screen, turn, trace)

    asyncio.run(seen())
