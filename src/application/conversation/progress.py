"""What is known of a turn so far: enough to end it at any point, well or badly."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Final, Self, final

from application.conversation.plan import TurnPlan
from application.conversation.ports.checkpoint import Checkpoint
from application.kernel.ports import Clock
from domain.authorization.decision import Decision
from domain.capability.capability import Capability
from domain.conversation.message import Message
from domain.conversation.phase import Attempt, LaneUse, Phase, PhaseStatus, PhaseTime
from domain.conversation.turn import Turn, Usage
from domain.kernel.identifiers import InvocationId
from domain.memory.recollection import Recollection
from domain.tools.invocation import Invocation, InvocationState

NOT_RUN: Final = (InvocationState.PENDING_APPROVAL, InvocationState.PERMITTED)

_MICRO: Final = 1_000_000
_API_CALL: Final = Usage(api_calls=1)
_TOOL_CALL: Final = Usage(tool_calls=1)


@final
class Timing:
    """A phase that runs now; `mark` says how it went when it did not go as it should.

    A phase that raises has failed.
    """

    __slots__ = ("_phase", "_progress", "_start", "note", "status")

    def __init__(self, progress: "Progress", phase: Phase) -> None:
        self._progress = progress
        self._phase = phase
        self._start = progress.microseconds()
        self.status = PhaseStatus.OK
        self.note = ""

    def mark(self, status: PhaseStatus, note: str) -> None:
        self.status, self.note = status, note

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.mark(PhaseStatus.FAILED, kind.__name__)
        took = self._progress.microseconds() - self._start
        self._progress.times.append(
            PhaseTime(self._phase, self._start, took, self.status, self.note)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said after the user's message, and the tokens of the prompt up to and with it.

    `calls` are the invocations of the last message's calls that have no rows of their own yet,
    `text` the part of the next answer that stands.
    """

    messages: tuple[Message, ...]
    prompt_tokens: int
    text: str = ""
    calls: tuple[tuple[str, InvocationId], ...] = ()


@final
class Progress:
    """Grows while a turn is driven; read once, by the phase that saves it.

    `began` is the monotonic time at which the message came in, or at which this server took the
    turn up. `usage` begins with what the turn has used already; `due` is what is not settled of it,
    which `held_tokens` are reserved for. `plan` is None while there is none: a turn may end before.
    `started_at` is set where it is not `began`, and `taken_steps` counts how often this driver took
    the turn on again. `resting` are calls that were written down and have not run: where the turn
    ends without them, nobody else says what became of them.
    """

    def __init__(self, clock: Clock, *, began: float) -> None:
        self._clock = clock
        self.began = began
        self.billed: list[InvocationId] = []
        self.lost_tokens = 0
        self.taken_steps = 0
        self.started_at: datetime | None = None
        self._before_us = 0
        self.usage = Usage()
        self._settled = self.usage
        self.plan: TurnPlan | None = None
        self.held_tokens = 0
        self.text = ""
        self.finish_reason = ""
        self.round = 0
        self.times: list[PhaseTime] = []
        self.attempts: list[Attempt] = []
        self.lanes: tuple[LaneUse, ...] = ()
        self.memories: tuple[Recollection, ...] = ()
        self.memory_tokens: tuple[int, ...] = ()
        self.decisions: list[tuple[str, Decision]] = []
        self.invocations: list[Invocation] = []
        self.unwritten: list[Invocation] = []
        self.started: dict[InvocationId, Invocation] = {}
        self.resting: dict[InvocationId, Invocation] = {}
        self.degraded: list[tuple[str, str]] = []

    @classmethod
    def since(cls, clock: Clock, kept: Checkpoint, turn: Turn) -> "Progress":
        """What is known of a turn that is taken up again; it has settled its `usage`."""
        settled = turn.usage
        made = cls(clock, began=clock.monotonic())
        made.started_at = turn.accepted_at
        made._before_us = kept.elapsed_us
        # A turn that was paused by an older server has its usage beside.
        made.usage = kept.usage if kept.usage.tokens >= settled.tokens else settled
        made._settled = settled
        made.round = kept.round
        made.text = kept.text
        made.billed += kept.billed
        made.lost_tokens = kept.lost_tokens
        made.times += kept.times
        made.attempts += kept.attempts
        made.lanes = kept.lanes
        made.memories = kept.memories
        made.memory_tokens = kept.memory_tokens
        made.decisions += kept.decisions
        made.degraded += kept.degraded
        return made

    def checkpoint(self, talk: Said, *, committed: int) -> Checkpoint:
        """What is kept of the turn with a commit; `committed` is the last round that it holds."""
        return Checkpoint(
            messages=talk.messages,
            calls=talk.calls,
            round=committed,
            prompt_tokens=talk.prompt_tokens,
            billed=tuple(self.billed),
            text=talk.text,
            lost_tokens=self.lost_tokens,
            usage=self.usage,
            elapsed_us=self.microseconds(),
            times=tuple(self.times),
            attempts=tuple(self.attempts),
            lanes=self.lanes,
            memories=self.memories,
            memory_tokens=self.memory_tokens,
            decisions=tuple(self.decisions),
            degraded=tuple(self.degraded),
        )

    def microseconds(self) -> int:
        """What servers have worked on the turn so far."""
        return self._before_us + int((self._clock.monotonic() - self.began) * _MICRO)

    def timing(self, phase: Phase) -> Timing:
        """Take the time of a phase, as a context."""
        return Timing(self, phase)

    def passed(self, phase: Phase) -> None:
        """A phase that took all the time until now: what the edge did before the use case."""
        self.times.append(PhaseTime(phase, 0, self.microseconds()))

    def used(
        self,
        capability: Capability,
        *,
        prompt: int,
        completion: int,
        cached: int = 0,
        reasoning: int = 0,
        estimated: bool,
    ) -> None:
        """Add one model call, in tokens."""
        micro_usd = capability.price.cost_micro_usd(prompt=prompt, reply=completion, cached=cached)
        self.usage = self.usage.plus(
            Usage(
                prompt_tokens=prompt,
                completion_tokens=completion,
                cached_tokens=cached,
                reasoning_tokens=reasoning,
                provider_cost_micro_usd=micro_usd,
                estimated=estimated,
            )
        )

    def lost(self, call: Attempt) -> None:
        """Add a model call that nobody lived to count."""
        self.attempts.append(call)
        self.lost_last()
        self.usage = self.usage.plus(
            Usage(
                prompt_tokens=call.prompt_tokens,
                completion_tokens=call.completion_tokens,
                estimated=True,
            )
        )

    def lost_last(self) -> None:
        """The last model call broke off: what it used does not count against the turn."""
        self.lost_tokens += self.attempts[-1].prompt_tokens + self.attempts[-1].completion_tokens

    def settled(self, held_tokens: int) -> None:
        """All that was used is settled, and so much is reserved for what follows."""
        self._settled = self.usage
        self.held_tokens = held_tokens
        self.taken_steps += 1

    def decided(self, resource: str, decision: Decision) -> None:
        self.decisions.append((resource, decision))

    def rest(self, calls: Iterable[Invocation]) -> None:
        """Keep those of a turn that is taken up that were written down and have not run."""
        self.resting.update({one.id: one for one in calls if one.state in NOT_RUN})

    def give_up_resting(self, reason: str, at: datetime) -> None:
        """Write with the end of the turn that the calls of which nothing was heard never run."""
        heard = {one.id for one in (*self.invocations, *self.unwritten)}
        self.unwritten += [
            one.give_up(reason, at) for one in self.resting.values() if one.id not in heard
        ]
        self.resting.clear()

    def called_api(self) -> None:
        self.usage = self.usage.plus(_API_CALL)

    def called_tool(self, invocation_id: InvocationId) -> None:
        self.billed.append(invocation_id)
        self.usage = self.usage.plus(_TOOL_CALL)

    @property
    def spent(self) -> Decimal:
        """USD that the turn has cost us at its providers."""
        return Decimal(self.usage.provider_cost_micro_usd) / _MICRO

    @property
    def own_tokens(self) -> int:
        """What counts against what a turn may use: all but what went with lost servers."""
        return self.usage.tokens - self.lost_tokens

    @property
    def left(self) -> int:
        """Reserved tokens that are not used yet."""
        return max(0, self.held_tokens + self._settled.tokens - self.usage.tokens)

    @property
    def due(self) -> Usage:
        """What was used since the turn's last settlement."""
        now, before = self.usage, self._settled
        return replace(
            now,
            prompt_tokens=now.prompt_tokens - before.prompt_tokens,
            completion_tokens=now.completion_tokens - before.completion_tokens,
            tool_calls=now.tool_calls - before.tool_calls,
            api_calls=now.api_calls - before.api_calls,
        )
