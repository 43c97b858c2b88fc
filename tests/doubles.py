"""Doubles of what a turn leans on: tools, a token counter, an observer, keys that are trusted."""

from asyncio import Event, sleep, timeout
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, final

from application.conversation.ports.journal import (
    AcceptTurn,
    ExtendTurn,
    Finished,
    FinishTurn,
    Grant,
    PauseTurn,
    ResumeTurn,
    TakeOnTurn,
    TurnJournal,
)
from application.conversation.ports.observing import TakenOver, TurnSummary
from application.tools.ports import ToolContext
from domain.capability.capability import Capability
from domain.conversation.bounds import estimated_tokens
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import InvocationId, TurnId
from domain.tools.invocation import InvocationState
from domain.tools.tool import Tool
from domain.tools.tool_status import ToolStatus

PATIENCE: Final = 120.0
"""Seconds after which a test is taken to hang, be the machine as slow as it may."""

ANYTHING: Final = '{"type":"object"}'

Running = Callable[[], Awaitable[str]]
"""What a tool does when it is called."""

Asked = Callable[[], Awaitable[ToolStatus]]
"""What it does when it is asked what became of a call."""


async def until(holds: Callable[[], bool]) -> None:
    """Let everything run until something holds."""
    async with timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - what tests wait for rings no bell
            await sleep(0)


def answers(text: str) -> Running:
    async def run() -> str:
        return text

    return run


def fails(error: Exception) -> Running:
    async def run() -> str:
        raise error

    return run


async def waits_forever() -> str:
    await Event().wait()
    return ""


def waits_for(event: Event, text: str = "done") -> Running:
    async def run() -> str:
        await event.wait()
        return text

    return run


@final
@dataclass(slots=True)
class ScriptedTools:
    """A `ToolRunner` whose tools do what a test says.

    `runs` are the calls that came, in order, `keys` the idempotency keys of calls and questions.
    """

    known: dict[str, tuple[Tool, Running]] = field(default_factory=dict[str, tuple[Tool, Running]])
    runs: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    fates: dict[str, Asked] = field(default_factory=dict[str, Asked])
    keys: list[str] = field(default_factory=list[str])

    def have(
        self,
        name: str,
        run: Running,
        *,
        effect: bool = False,
        dangerous: bool = False,
        idempotent: bool = False,
        schema: str = ANYTHING,
    ) -> None:
        tool = Tool(
            name=name,
            description=f"does {name}",
            schema=schema,
            effect=effect,
            dangerous=dangerous,
            idempotent=idempotent,
        )
        self.known[name] = tool, run

    def can_be_asked(self, name: str, asked: Asked) -> None:
        """Let a known tool be asked what became of its calls."""
        tool, run = self.known[name]
        self.known[name] = replace(tool, askable=True), run
        self.fates[name] = asked

    def tools(self) -> Sequence[Tool]:
        return [tool for tool, _ in self.known.values()]

    async def run(self, tool: str, arguments: str, context: ToolContext) -> str:
        self.runs.append((tool, arguments))
        self.keys.append(context.idempotency_key)
        return await self.known[tool][1]()

    async def status(self, tool: str, context: ToolContext) -> ToolStatus:
        self.keys.append(context.idempotency_key)
        return await self.fates[tool]()


@final
class ByteCounter:
    """A `TokenCounter`: a token a byte."""

    async def count(self, capability: Capability, texts: Sequence[str]) -> Sequence[int]:
        del capability
        return [estimated_tokens(text) for text in texts]

    def exact(self, capability: Capability) -> bool:
        del capability
        return False


@final
class WordCounter:
    """A `TokenCounter` of a model whose tokens are words."""

    async def count(self, capability: Capability, texts: Sequence[str]) -> Sequence[int]:
        del capability
        return [len(text.split()) for text in texts]

    def exact(self, capability: Capability) -> bool:
        del capability
        return True


@final
@dataclass(slots=True)
class NotedTurns:
    """A `TurnObserver` that keeps what it is told."""

    ended: list[TurnSummary] = field(default_factory=list[TurnSummary])
    taken: list[TakenOver] = field(default_factory=list[TakenOver])
    defects: list[Exception] = field(default_factory=list[Exception])

    def turn_ended(self, summary: TurnSummary) -> None:
        self.ended.append(summary)

    def taken_over(self, became: TakenOver) -> None:
        self.taken.append(became)

    def broke(self, turn_id: TurnId, error: Exception) -> None:
        del turn_id
        self.defects.append(error)


@final
@dataclass(slots=True)
class NotedLosses:
    """A `CallObserver` and a `ReservationObserver` that keep what they are told."""

    calls: list[InvocationState] = field(default_factory=list[InvocationState])
    reservations: int = 0
    defects: list[Exception] = field(default_factory=list[Exception])

    def recovered(self, state: InvocationState) -> None:
        self.calls.append(state)

    def broke(self, invocation_id: InvocationId, error: Exception) -> None:
        del invocation_id
        self.defects.append(error)

    def released(self, reservations: int) -> None:
        self.reservations += reservations


@final
class EverybodyTrusted:
    """`TrustedKeys` that take any signature."""

    def verify(self, key_id: str, data: bytes, signature: bytes) -> bool | None:
        del key_id, data, signature
        return True


@final
@dataclass(slots=True)
class FlakyJournal:
    """A journal whose answers take a moment, and are lost as often as `lost` says.

    A lost answer is one whose step was done all the same. `gates` hold the answers of steps back.
    `defects` are raised by the next ends, which are not made; `first` is done right before each
    such step, and where it raises the step is not made. A journal that is `patient` asks itself
    once more to resume a turn, as adapters do.
    """

    journal: TurnJournal
    lost: dict[str, int] = field(default_factory=dict[str, int])
    defects: list[Exception] = field(default_factory=list[Exception])
    first: dict[str, Callable[[], Awaitable[object]]] = field(
        default_factory=dict[str, Callable[[], Awaitable[object]]]
    )
    gates: dict[str, Event] = field(default_factory=dict[str, Event])
    reached: dict[str, Event] = field(default_factory=dict[str, Event])
    patient: bool = False

    def hold_back(self, step: str) -> tuple[Event, Event]:
        """The event that a step was done, and the one that lets its answer go."""
        self.reached[step], self.gates[step] = Event(), Event()
        return self.reached[step], self.gates[step]

    async def accept(self, command: AcceptTurn) -> Grant:
        await self._first("accept")
        grant = await self.journal.accept(command)
        await self._answer("accept")
        return grant

    async def extend(self, command: ExtendTurn) -> float:
        await self._first("extend")
        left = await self.journal.extend(command)
        await self._answer("extend")
        return left

    async def pause(self, command: PauseTurn) -> None:
        await self._first("pause")
        await self.journal.pause(command)
        await self._answer("pause")

    async def resume(self, command: ResumeTurn) -> Grant:
        await self._first("resume")
        grant = await self.journal.resume(command)
        try:
            await self._answer("resume")
        except StorageUnavailableError:
            if not self.patient:
                raise
            return await self.journal.resume(command)
        return grant

    async def take_on(self, command: TakeOnTurn) -> Grant:
        await self._first("take_on")
        grant = await self.journal.take_on(command)
        await self._answer("take_on")
        return grant

    async def finish(self, command: FinishTurn) -> Finished:
        await sleep(0)
        if self.defects:
            raise self.defects.pop()
        await self._first("finish")
        finished = await self.journal.finish(command)
        await self._answer("finish")
        return finished

    async def _first(self, step: str) -> None:
        if step in self.first:
            await self.first[step]()

    async def _answer(self, step: str) -> None:
        await sleep(0)
        if step in self.gates:
            self.reached[step].set()
            await self.gates.pop(step).wait()
        if self.lost.get(step, 0) > 0:
            self.lost[step] -= 1
            raise StorageUnavailableError
