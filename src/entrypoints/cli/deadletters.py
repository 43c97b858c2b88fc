"""Commands about messages that could not be delivered or taken."""

# ruff: noqa: PLC0415 - each command brings what it needs: help must not wait for gRPC
import asyncio
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from entrypoints.cli.calling import Server, calling
from entrypoints.cli.options import JsonFlag, Tenant

app = typer.Typer(
    help="Messages that could not be delivered or taken: look, mend, replay, discard.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="tenants/{tenant}/deadLetters/{dead_letter}")]


class Target(StrEnum):
    TOPIC = "topic"
    CONSUMER = "consumer"


class State(StrEnum):
    RESTING = "resting"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


@app.command("list")
@calling
def list_letters(  # noqa: PLR0913 - one parameter an option
    server: Server,
    tenant: Tenant = "",
    *,
    every_tenant: Annotated[
        bool, typer.Option("--all", help="Of every tenant; operators only.")
    ] = False,
    state: Annotated[State | None, typer.Option(help="Unset: whatever became of them.")] = None,
    topic: Annotated[str, typer.Option(help="Only those of this topic.")] = "",
    message_key: Annotated[str, typer.Option(help="Only those with this key.")] = "",
    reason: Annotated[str, typer.Option(help="Only those refused so, as SESSION_NOT_FOUND.")] = "",
    since: Annotated[datetime | None, typer.Option(help="That came then or later, UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="That came before, UTC.")] = None,
    json: JsonFlag = False,
) -> None:
    """List dead letters, the first to come first, without what they carry."""
    from entrypoints.cli.connecting import tenant_name
    from entrypoints.cli.letters import LettersAsked, fetch_letters
    from entrypoints.cli.letters_view import show_letters
    from entrypoints.cli.screen import Screen

    remembered = server.remembered
    asked = LettersAsked(
        parent="tenants/-" if every_tenant else tenant_name(tenant, remembered),
        state="" if state is None else state.value,
        topic=topic,
        key=message_key.encode(),
        reason=reason,
        since=since,
        until=until,
    )
    target = server.target(administering=every_tenant)
    show_letters(Screen.standard(json=json), asyncio.run(fetch_letters(target, asked)))


@app.command()
@calling
def show(
    server: Server,
    name: Name,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="With headers and payload, for who may open it.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Show one dead letter and its history."""
    from entrypoints.cli.letters import fetch_letter
    from entrypoints.cli.letters_view import show_letter
    from entrypoints.cli.screen import Screen

    target = server.target()
    show_letter(Screen.standard(json=json), asyncio.run(fetch_letter(target, name, full=full)))


@app.command()
@calling
def edit(
    server: Server,
    name: Name,
    payload: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="A file with the new payload.")
    ],
    *,
    etag: Annotated[str, typer.Option(help="As it was shown: refused if it changed since.")] = "",
    json: JsonFlag = False,
) -> None:
    """Give a resting letter another payload."""
    from entrypoints.cli.connecting import content_of
    from entrypoints.cli.letters import edit_letter
    from entrypoints.cli.letters_view import show_letter
    from entrypoints.cli.screen import Screen

    target = server.target()
    edited = asyncio.run(edit_letter(target, name, content_of(payload), etag))
    show_letter(Screen.standard(json=json), edited)


@app.command()
@calling
def discard(
    server: Server,
    names: Annotated[list[str], typer.Argument(help="tenants/{tenant}/deadLetters/{dead_letter}")],
    note: Annotated[str, typer.Option(help="Why, for the record.")],
    *,
    json: JsonFlag = False,
) -> None:
    """Settle letters about which nothing is to be done; all of one tenant."""
    from entrypoints.cli.letters import discard_letters
    from entrypoints.cli.letters_view import show_settled
    from entrypoints.cli.screen import Screen

    target = server.target()
    answer = asyncio.run(discard_letters(target, names, note))
    show_settled(Screen.standard(json=json), answer, "discarded")


@app.command()
@calling
def replay(  # noqa: PLR0913 - one parameter an option
    server: Server,
    names: Annotated[
        list[str] | None,
        typer.Argument(help="tenants/{tenant}/deadLetters/{dead_letter}; or give --all."),
    ] = None,
    tenant: Tenant = "",
    *,
    every_one: Annotated[
        bool, typer.Option("--all", help="Every resting letter of the tenant that matches.")
    ] = False,
    into: Annotated[
        Target | None,
        typer.Option(help="Unset: the consumer where this service has one, else the topic."),
    ] = None,
    topic: Annotated[str, typer.Option(help="With --all: only those of this topic.")] = "",
    message_key: Annotated[str, typer.Option(help="With --all: only those with this key.")] = "",
    reason: Annotated[str, typer.Option(help="With --all: only those refused so.")] = "",
    since: Annotated[
        datetime | None, typer.Option(help="With --all: that came then or later, UTC.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(help="With --all: that came before.")] = None,
    json: JsonFlag = False,
) -> None:
    """Send letters on once more, or let their consumer take them under your own key."""
    from entrypoints.cli.connecting import tenant_name
    from entrypoints.cli.failure import CommandFailedError, ExitCode
    from entrypoints.cli.letters import LettersAsked, replay_letters
    from entrypoints.cli.letters_view import show_settled
    from entrypoints.cli.screen import Screen

    remembered = server.remembered
    if bool(names) == every_one:
        raise CommandFailedError("name letters, or give --all", code=ExitCode.USAGE)
    if names and (topic or message_key or reason or since or until):
        raise CommandFailedError(
            "letters that are named are replayed whatever they are",
            "give --all to choose by topic, key, reason or time",
            code=ExitCode.USAGE,
        )
    asked = None
    if every_one:
        asked = LettersAsked(
            parent=tenant_name(tenant, remembered),
            topic=topic,
            key=message_key.encode(),
            reason=reason,
            since=since,
            until=until,
        )
    target = server.target()
    answer = asyncio.run(
        replay_letters(target, names or [], asked, "" if into is None else into.value)
    )
    show_settled(Screen.standard(json=json), answer, "replayed")
