"""Run a tool call that a client made by itself, and write down what came of it."""

from asyncio import Task, create_task, shield, timeout, wait
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, final

from application.budget.ports import Budgets
from application.capability.ports import ProviderHealth
from application.kernel.insisting import insisting
from application.tools.ports import EffectJournal, Outcome, ToolContext, ToolRunner
from domain.budget.account import Use
from domain.budget.errors import ReservationEndedError, ReservationNotFoundError
from domain.kernel.errors import DomainError, StorageUnavailableError
from domain.kernel.identifiers import InvocationId, ReservationId, SessionId
from domain.kernel.metering import PRICE_VERSION, Metric
from domain.kernel.principal import Principal
from domain.kernel.storable_text import cut_text, storable
from domain.tools.errors import ToolFailedError, ToolOutcomeUnknownError
from domain.tools.invocation import Invocation, InvocationState
from domain.tools.invocation_event import CALL_TIME
from domain.tools.tool import Tool

MAX_RESULT_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedCall:
    """A call whose invocation is written as STARTED, and what was reserved for it."""

    invocation: Invocation
    tool: Tool
    principal: Principal
    session_id: SessionId | None
    reservation_id: ReservationId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RunCall:
    """At most once: whoever wrote STARTED runs it here, and nobody runs it again.

    When this process is lost on the way the invocation's lease runs out, and it is UNKNOWN.
    """

    runner: ToolRunner
    health: ProviderHealth
    effects: EffectJournal
    budgets: Budgets

    async def __call__(self, call: StartedCall) -> Invocation:
        """Give the call as it ended.

        Raises:
            StorageUnavailableError: It ran, and how it ended could not be written down.
        """
        invocation, tool = call.invocation, call.tool
        try:
            text = await self._run(call)
        except (ToolFailedError, ToolOutcomeUnknownError) as refusal:
            self.health.failed(tool.name)
            return await self._end(call, str(refusal), refusal)
        except Exception:
            # A defect of the tool: what it did is not known, and that is said before it is raised.
            await self._end(call, "", ToolOutcomeUnknownError(invocation.tool))
            raise
        self.health.succeeded(tool.name)
        return await self._end(call, text, None)

    async def _run(self, call: StartedCall) -> str:
        tool, seconds = call.tool, CALL_TIME.total_seconds()
        context = ToolContext(
            principal=call.principal,
            session_id=call.session_id,
            invocation_id=call.invocation.id,
            seconds=seconds,
        )
        try:
            async with timeout(seconds):
                return await self.runner.run(tool.name, call.invocation.arguments, context)
        except TimeoutError:
            if tool.effect:
                raise ToolOutcomeUnknownError(tool.name) from None
            raise ToolFailedError(tool.name, "it took too long") from None

    async def _end(self, call: StartedCall, text: str, refusal: DomainError | None) -> Invocation:
        state = InvocationState.SUCCEEDED
        if refusal is not None:
            unknown = isinstance(refusal, ToolOutcomeUnknownError)
            state = InvocationState.UNKNOWN if unknown else InvocationState.FAILED
        outcome = Outcome(
            tenant_id=call.invocation.tenant_id,
            invocation_id=call.invocation.id,
            fence=0,
            state=state,
            result=cut_text(text, MAX_RESULT_BYTES),
            reason="" if refusal is None else storable(refusal.reason),
        )
        ended = await insisting(lambda: self.effects.finish(outcome))
        with suppress(ReservationEndedError, ReservationNotFoundError, StorageUnavailableError):
            # What cannot be settled now is released when its time is over: the call goes unbilled.
            await self.budgets.settle(
                ended.tenant_id, call.reservation_id, [Use(Metric.TOOL_CALLS, 1, PRICE_VERSION)]
            )
        return ended


@final
@dataclass(slots=True, kw_only=True)
class RunningCalls:
    """The calls that run in this process: they go on when the client that asked goes away."""

    _tasks: dict[InvocationId, Task[Invocation]] = field(
        default_factory=dict[InvocationId, Task[Invocation]]
    )
    _starting: set[Task[Invocation]] = field(default_factory=set[Task[Invocation]])

    async def starting(self, work: Coroutine[None, None, Invocation]) -> Invocation:
        """Do what leads to a start to its end, even if whoever waits for it goes away."""
        task = create_task(work)
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return await shield(task)

    def start(self, run: RunCall, call: StartedCall) -> None:
        """Run a call in a task of its own."""
        task = create_task(run(call), name=f"invocation {call.invocation.id}")
        self._tasks[call.invocation.id] = task
        task.add_done_callback(lambda done: self._ended(call.invocation.id, done))

    def find(self, invocation_id: InvocationId) -> Task[Invocation] | None:
        return self._tasks.get(invocation_id)

    async def drain(self, seconds: float) -> int:
        """Let the calls end; how many did not by then."""
        tasks = {*self._starting, *self._tasks.values()}
        if not tasks:
            return 0
        _, late = await wait(tasks, timeout=seconds)
        return len(late)

    def _ended(self, invocation_id: InvocationId, done: Task[Invocation]) -> None:
        self._tasks.pop(invocation_id, None)
        error = None if done.cancelled() else done.exception()
        if error is not None and not isinstance(error, DomainError):
            # Clients are told that the outcome is unknown; operators are told of the defect.
            message = f"invocation {invocation_id} broke"
            done.get_loop().call_exception_handler({"message": message, "exception": error})
