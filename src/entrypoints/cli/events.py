"""Commands about published events."""

# ruff: noqa: PLC0415 - each command brings what it needs: help must not wait for gRPC
import asyncio
from datetime import datetime
from typing import Annotated

import typer

from entrypoints.cli.calling import Server, calling
from entrypoints.cli.options import JsonFlag, Tenant

app = typer.Typer(help="Events that were published.", no_args_is_help=True)


@app.callback()
def events() -> None:
    """Makes a group of what is one command by now."""


@app.command()
@calling
def replay(  # noqa: PLR0913 - one parameter an option
    server: Server,
    tenant: Tenant = "",
    *,
    since: Annotated[datetime, typer.Option(help="What was committed then or later, UTC.")],
    until: Annotated[datetime | None, typer.Option(help="What was committed before, UTC.")] = None,
    event_key: Annotated[
        str, typer.Option(help="Only those of this key, tenants/…/sessions/… for example.")
    ] = "",
    kind: Annotated[str, typer.Option("--type", help="Only those, as turn.completed.")] = "",
    topic: Annotated[
        str, typer.Option(help="Into this topic, for operators. Unset: that of each type.")
    ] = "",
    consumer: Annotated[
        str, typer.Option(help="The one they are meant for, told in a header.")
    ] = "",
    json: JsonFlag = False,
) -> None:
    """Publish events of the last seven days once more, under their own ids."""
    from entrypoints.cli.connecting import tenant_name
    from entrypoints.cli.failure import ExitCode
    from entrypoints.cli.letters import stamp
    from entrypoints.cli.published import replay_events
    from entrypoints.cli.screen import Screen
    from somagent.operations.v1.operations_pb2 import ReplayEventsRequest

    remembered = server.remembered
    asked = ReplayEventsRequest(
        parent=tenant_name(tenant, remembered),
        key=event_key,
        type=kind,
        start_time=stamp(since),
        end_time=stamp(until),
        topic=topic,
        consumer=consumer,
    )
    target = server.target(administering=bool(topic))
    count, refused = asyncio.run(replay_events(target, asked))
    screen = Screen.standard(json=json)
    if screen.json:
        screen.emit({"replayed_events": count, "refused_events": refused})
    else:
        screen.say(f"{count} events published once more", "green")
        if refused:
            screen.say(f"{refused} cannot be published, and were left out", "yellow")
    if refused:
        raise typer.Exit(ExitCode.REFUSED)
