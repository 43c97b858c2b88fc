"""Servers that are lost in the middle of a turn, and what must be true of it afterwards."""

from asyncio import Event
from collections.abc import Sequence

from adapters.inmemory.language_model import Line
from application.conversation.trace_reading import trace_of
from application.kernel.ports import Json
from domain.budget.events import UsageRecorded
from domain.conversation.message import ToolCall
from domain.conversation.trace import DecisionTrace
from domain.conversation.turn import Turn
from domain.conversation.turn_event import (
    Restarted,
    TextAdded,
    TurnEvent,
)
from domain.kernel.identifiers import TurnId
from domain.kernel.metering import Metric
from tests.builders import SESSION, TENANT
from tests.doubles import until
from tests.inmemory_application import LEASE, Server
from tests.inmemory_world import World

SEND = ToolCall("a", "send", '{"to":"grace"}')
CLOCK = ToolCall("b", "clock", "{}")
CONTINUES: Json = {"on_interruption": "continue"}


def hangs() -> Sequence[Line]:
    """An answer of which nothing comes before its server is lost."""
    return [Event()]


async def told(server: Server, turn_id: TurnId, *, written: bool) -> None:
    """Let the model be asked, and what was shown so far be written or not."""
    await until(lambda: server.world.model.open_streams > 0)
    running = server.drivers.find(turn_id)
    assert running is not None
    if written:
        running.watched = True
        await server.drivers.keep()


async def asked(shared: World, times: int) -> None:
    """Let the model be asked so many times in all."""
    await until(lambda: len(shared.model.requests) == times)


async def shown(server: Server, turn_id: TurnId, text: str) -> None:
    """Let a server show some text, and write it."""
    running = server.drivers.find(turn_id)
    assert running is not None
    await until(lambda: bool(told := running.log.unwritten) and told[-1].body == TextAdded(text))
    running.watched = True
    await server.drivers.keep()


async def taken(server: Server, turn_id: TurnId) -> Turn:
    """The turn at its end, which another server brings it to once the lease has run out."""
    server.world.clock.advance(LEASE + 1)
    assert await server.sweep() == 1
    return await server.settled(turn_id)


async def trace(server: Server, turn_id: TurnId) -> DecisionTrace:
    kept = await server.world.reader.trace(TENANT, turn_id)
    return trace_of(turn_id, server.world.canonical.decode(kept))


def numbers(events: Sequence[TurnEvent]) -> list[int]:
    """Every number that events stand for."""
    found: list[int] = []
    for event in events:
        body = event.body
        first = body.first_sequence if isinstance(body, Restarted) else event.sequence
        found += range(first, event.last_sequence + 1)
    return found


def check_money(shared: World, turn: Turn) -> None:
    """What was used is settled once, told once, and nothing is held any more."""
    events = [one.event for one in shared.store.outbox[TENANT, SESSION]]
    billed = [line for one in events if isinstance(one, UsageRecorded) for line in one.lines]
    for metric, used in (
        (Metric.TOKENS, turn.usage.tokens),
        (Metric.TOOL_CALLS, turn.usage.tool_calls),
        (Metric.API_CALLS, turn.usage.api_calls),
    ):
        assert shared.held(metric) == 0
        assert shared.spent(metric) == used
        assert sum(one.amount for one in billed if one.metric is metric) == used
    assert turn.usage.api_calls == 1
