"""A chat at the terminal: lines in, turns out, until the input ends."""

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Final

from application.kernel.ports import IdentifierSource
from entrypoints.cli.client import Client, Target, open_client
from entrypoints.cli.conversing import Conversation, listening
from entrypoints.cli.failure import CommandFailedError, ExitCode
from entrypoints.cli.figures import last_part
from entrypoints.cli.screen import Screen
from entrypoints.cli.turn_view import TurnView
from somagent.conversation.v1.conversation_pb2 import (
    CreateSessionRequest,
    DeleteSessionRequest,
    GetSessionRequest,
    Session,
)

_PROMPT: Final = "you> "
_YES: Final = frozenset({"y", "yes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOrder:
    """What to chat with: a session that is there, or a new one of a capsule."""

    target: Target
    session: str = ""
    capsule: str = ""
    message: str = ""
    source: Iterable[str] = field(default_factory=lambda: sys.stdin)
    """Where the messages come from, one a line, when nobody sits there."""


def chat(
    order: ChatOrder,
    screen: Screen,
    identifiers: IdentifierSource,
    keep: Callable[[Conversation], None],
) -> ExitCode:
    """Talk until the input ends, or once where a message is given.

    `keep` is told of the conversation when it is over, if there was a turn in it.

    Raises:
        CommandFailedError: The server refused, or cannot be reached.
    """
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        client = runner.run(stack.enter_async_context(open_client(order.target, identifiers)))
        try:
            talk = runner.run(_open(client, screen, order))
            try:
                return _exchange(runner, talk, order)
            finally:
                runner.run(_leave(talk, opened=not order.session))
                if talk.turn:
                    keep(talk)
        finally:
            runner.run(stack.aclose())


async def _open(client: Client, screen: Screen, order: ChatOrder) -> Conversation:
    if order.session:
        request = GetSessionRequest(name=order.session)
        session = (await client.ask(client.conversation.GetSession, request)).session
    else:
        creation = CreateSessionRequest(
            parent="/".join(order.capsule.split("/")[:2]),
            session=Session(capsule=order.capsule),
            request_id=client.request_id(),
        )
        session = (await client.ask(client.conversation.CreateSession, creation)).session
    if screen.interactive and not order.message:
        screen.say(f"{session.name} · capsule {last_part(session.capsule)}", "dim")
        screen.say("Ctrl-C cancels a turn, Ctrl-D leaves", "dim")
    return Conversation(client, screen, session.name)


async def _leave(talk: Conversation, *, opened: bool) -> None:
    """A session that was opened for nothing is closed; any other can be gone on with."""
    if opened and not talk.turn:
        request = DeleteSessionRequest(name=talk.session, request_id=talk.client.request_id())
        with suppress(CommandFailedError):
            await talk.client.ask(talk.client.conversation.DeleteSession, request)
    elif talk.screen.interactive:
        talk.screen.say(f"go on with: somagent chat {talk.session}", "dim")


def _exchange(runner: asyncio.Runner, talk: Conversation, order: ChatOrder) -> ExitCode:
    if order.message:
        return _answer(runner, talk, order.message)
    code = ExitCode.DONE
    for line in _lines(talk.screen, order.source):
        if not line.strip():
            continue
        try:
            code = _answer(runner, talk, line)
        except CommandFailedError as failure:
            if not talk.screen.interactive or failure.code is ExitCode.UNREACHABLE:
                raise
            talk.screen.say(f"{failure.what}", "bold red")
            if failure.advice:
                talk.screen.say(failure.advice)
    return ExitCode.DONE if talk.screen.interactive else code


def _answer(runner: asyncio.Runner, talk: Conversation, text: str) -> ExitCode:
    view = runner.run(_say(talk, text))
    while view.kind == "paused" and talk.screen.interactive:
        decisions = {name: _approved(talk.screen, name) for name in view.last.paused.invocations}
        view = runner.run(_decide(talk, decisions))
    return ExitCode.DONE if view.kind == "completed" else ExitCode.NOT_ANSWERED


async def _say(talk: Conversation, text: str) -> TurnView:
    with listening() as presses:
        return await talk.say(text, presses)


async def _decide(talk: Conversation, decisions: dict[str, bool]) -> TurnView:
    for invocation, approved in decisions.items():
        await talk.decide(invocation, approved=approved)
    with listening() as presses:
        return await talk.go_on(presses)


def _approved(screen: Screen, invocation: str) -> bool:
    try:
        return input(f"approve {last_part(invocation)}? [y/N] ").strip().lower() in _YES
    except (EOFError, KeyboardInterrupt):
        screen.say()
        return False


def _lines(screen: Screen, source: Iterable[str]) -> Iterator[str]:
    if not screen.interactive:
        yield from source
        return
    with suppress(ImportError):
        __import__("readline")  # gives input() its editing and its history
    while True:
        try:
            yield input(_PROMPT)
        except (EOFError, KeyboardInterrupt):
            screen.say()
            return
