"""Servers and answers are lost at any moment, over and over: what holds of a turn holds then."""

from asyncio import Task, create_task, shield, sleep, timeout
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final, TypeVar, final

from hypothesis import given, settings
from hypothesis import strategies as st

from application.conversation.phases.model_call import GO_ON
from application.conversation.ports.journal import (
    ExtendTurn,
    Finished,
    FinishTurn,
    Grant,
    PauseTurn,
    TakeOnTurn,
)
from application.conversation.ports.models import ModelChunk, ModelEnd, ModelRequest, ModelText
from domain.conversation.errors import ModelFailedError
from domain.conversation.message import ToolCall
from domain.conversation.turn import Turn, TurnState
from domain.conversation.turn_event import (
    Started,
    TextAdded,
    ToolAnswered,
    ToolCalled,
    TurnEvent,
    TurnEventBody,
)
from domain.kernel.errors import DomainError, StorageUnavailableError
from domain.kernel.tool_choice import ToolChoiceMode
from domain.tools.invocation import InvocationState
from tests.builders import TENANT
from tests.doubles import PATIENCE, Running
from tests.inmemory_application import LEASE, Server
from tests.inmemory_world import World, manifest, world
from tests.unit.application.conversation.handing_journal import HandingJournal
from tests.unit.application.conversation.lost_servers import check_money, numbers

TOOLS: Final = ("send", "set", "clock")
"""One whose effect can be made once only, an idempotent one, and one without effects."""

OPEN: Final = (
    InvocationState.PENDING_APPROVAL,
    InvocationState.PERMITTED,
    InvocationState.STARTED,
)
"""Calls of which more is to come: none is left so by a turn that has ended."""

LONGEST: Final = 300
"""Moments after which every turn has ended."""


@final
@dataclass(slots=True)
class Wordy:
    """A language model that asks for tools so many times, letter by letter, and breaks off."""

    chance: Random
    rounds: int
    breaking: float = 0.005
    requests: list[ModelRequest] = field(default_factory=list[ModelRequest])

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk]:
        self.requests.append(request)
        done = sum(1 for one in request.messages if one.calls)
        whole = f"Answer {done}."
        began = request.messages[-2].text if request.messages[-1].text == GO_ON else ""
        assert whole.startswith(began)
        for letter in whole[len(began) :]:
            await moments(self.chance, 4)
            yield ModelText(letter)
            if self.chance.random() < self.breaking:
                raise ModelFailedError(request.capability.name, "it broke off")
        asks = done < self.rounds and request.tool_choice.mode is not ToolChoiceMode.NONE
        calls = tuple(
            ToolCall(f"{done}.{place}", self.chance.choice(TOOLS), "{}")
            for place in range(self.chance.randint(1, 3) if asks else 0)
        )
        reason = "tool_calls" if calls else "stop"
        yield ModelEnd(finish_reason=reason, calls=calls, prompt_tokens=12, completion_tokens=7)


async def moments(chance: Random, most: int) -> None:
    """Let everything else run a little."""
    for _ in range(chance.randrange(most)):
        await sleep(0)


T = TypeVar("T")


@final
@dataclass(slots=True)
class Lossy(HandingJournal):
    """A journal that loses steps, and answers of steps; of a few it loses all for a while.

    Steps are made in the order in which they were asked for, also those that nobody waits for any
    more: as by the writer of PostgreSQL.
    """

    chance: Random
    away: int = 0
    last: Task[None] | None = None

    async def extend(self, command: ExtendTurn) -> float:
        return await self._perhaps(lambda: self.journal.extend(command))

    async def pause(self, command: PauseTurn) -> None:
        await self._perhaps(lambda: self.journal.pause(command))

    async def take_on(self, command: TakeOnTurn) -> Grant:
        return await self._perhaps(lambda: self.journal.take_on(command))

    async def finish(self, command: FinishTurn) -> Finished:
        return await self._perhaps(lambda: self.journal.finish(command))

    async def _perhaps(self, step: Callable[[], Awaitable[T]]) -> T:
        if not self.away and self.chance.random() < 0.1:
            self.away = self.chance.choice((1, 2, 4, 5, 9))
        lost = self.away > 0
        self.away -= lost
        if lost and self.chance.random() < 0.4:
            raise StorageUnavailableError
        answer = create_task(self._made(self.last, step))
        self.last = create_task(_heeded(answer))
        found = await shield(answer)
        if lost:
            raise StorageUnavailableError
        return found

    async def _made(self, before: Task[None] | None, step: Callable[[], Awaitable[T]]) -> T:
        await moments(self.chance, 8)
        if before is not None:
            await before
        return await step()


async def _heeded(answer: Task[T]) -> None:
    """Wait for an answer whatever it is, and whoever else waits for it."""
    with suppress(DomainError):
        await answer


def takes_a_while(chance: Random) -> Running:
    async def run() -> str:
        await moments(chance, 6)
        return "done"

    return run


async def scene(chance: Random, *, lossy: bool) -> tuple[World, list[Server]]:
    policy = chance.choice(("fail", "continue"))
    autonomy = chance.choice((2, 7, 7))
    terms = manifest(intelligence=6, autonomy=autonomy, policy={"on_interruption": policy})
    shared = await world(terms)
    shared.tools.have("send", takes_a_while(chance), effect=True)
    shared.tools.have("set", takes_a_while(chance), effect=True, idempotent=True)
    shared.tools.have("clock", takes_a_while(chance))
    model = Wordy(chance, chance.randrange(4), 0.03 if lossy else 0.005)
    servers = [Server(world=shared, name=f"{one}", model=model) for one in range(3)]
    if lossy:
        journals = [Lossy(one.plain_journal(), chance) for one in servers]
        servers = [
            Server(world=shared, name=one.name, model=model, journal=journal)
            for one, journal in zip(servers, journals, strict=True)
        ]
    return shared, servers


async def decide(server: Server, turn: Turn, chance: Random) -> None:
    """Let a person decide about every call that waits; the turn goes on here with the last."""
    for call in await server.world.reader.invocations(TENANT, turn.id):
        if call.state is InvocationState.PENDING_APPROVAL:
            with suppress(StorageUnavailableError):
                await server.decided(call.id, approved=chance.random() < 0.8)


async def driven(
    shared: World, servers: list[Server], chance: Random, *, cancelled: float = 0.0
) -> Turn:
    """A turn at its end; on the way there servers write, are paused, killed, and take it over.

    At each moment it is `cancelled` with this probability.
    """
    driver = servers[0]
    turn_id = await driver.say()
    for moment in range(LONGEST):
        await moments(chance, 8)
        turn = await driver.turn(turn_id)
        if turn.state.final:
            return turn
        if turn.state is TurnState.PAUSED:
            driver = chance.choice(servers)
            await decide(driver, turn, chance)
            continue
        running, what = driver.drivers.find(turn_id), chance.random()
        if running is not None and chance.random() < cancelled:
            running.cancel("ada")
        elif running is not None and what < 0.3:
            running.watched = True
            await driver.drivers.keep()
        elif what < 0.5 or moment > LONGEST // 2:
            if running is not None and running.task is not None and chance.random() < 0.7:
                running.lost()  # killed; else it wakes when another one has its turn
            shared.clock.advance(LEASE + 1)
            driver = chance.choice(servers)
            await driver.sweep()
    raise AssertionError(turn_id)


def check_stream(turn: Turn, events: list[TurnEvent]) -> None:
    """Every number once, every call and answer once, and the text that is the answer's."""
    assert numbers(events) == list(range(1, events[-1].sequence + 1))
    bodies = [one.body for one in events]
    called = [one.invocation_id for one in bodies if isinstance(one, ToolCalled)]
    answered = [one.invocation_id for one in bodies if isinstance(one, ToolAnswered)]
    assert len(set(called)) == len(called)
    assert len(set(answered)) == len(answered)
    assert set(answered) <= set(called)
    if turn.state is TurnState.COMPLETED:
        assert set(answered) == set(called)
        assert last_text(bodies) == turn.answer
        assert turn.answer.startswith("Answer ")
        assert turn.answer.endswith(".")


def last_text(bodies: Sequence[TurnEventBody]) -> str:
    """What was shown of the last model call."""
    last = max(one.round for one in bodies if isinstance(one, Started))
    shown, current = "", False
    for one in bodies:
        if isinstance(one, Started):
            current = one.round == last
        elif current and isinstance(one, TextAdded):
            shown += one.delta
    return shown


async def check(shared: World, servers: list[Server], turn: Turn) -> None:
    """What holds of every turn at its end."""
    check_money(shared, turn)
    check_stream(turn, await servers[0].shown(turn.id))
    made = Counter(zip((tool for tool, _ in shared.tools.runs), shared.tools.keys, strict=True))
    assert all(times == 1 for (tool, _), times in made.items() if tool == "send")
    assert [error for server in servers for error in server.observer.defects] == []
    (record,) = shared.store.records.values()
    for call in await shared.reader.invocations(TENANT, turn.id):
        assert call.state not in OPEN
        assert turn.state is not TurnState.COMPLETED or str(call.id).encode() in record.body


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
async def test_a_turn_ends_whole_paid_once_and_with_no_effect_made_twice(seed: int) -> None:
    chance = Random(seed)  # noqa: S311  a test's, to be run again
    shared, servers = await scene(chance, lossy=False)

    async with timeout(PATIENCE):
        turn = await driven(shared, servers, chance)

    await check(shared, servers, turn)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
async def test_so_it_does_when_answers_of_its_journal_are_lost_too(seed: int) -> None:
    chance = Random(seed)  # noqa: S311  a test's, to be run again
    shared, servers = await scene(chance, lossy=True)

    async with timeout(PATIENCE):
        turn = await driven(shared, servers, chance, cancelled=0.06)

    await check(shared, servers, turn)
    ends = [one for server in servers for one in server.observer.ended]
    assert len(ends) <= 1
