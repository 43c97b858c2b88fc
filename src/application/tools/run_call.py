"""Run a tool call that a client made by itself, and write down what came of it."""

from asyncio import Task, create_task, shield, sleep, timeout, wait
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar, final

from application.capability.ports import ProviderHealth
from application.kernel.insisting import insisting
from application.kernel.ports import Clock
from application.tools.call_facts import COST, CallFacts
from application.tools.ports import CallObserver, EffectJournal, Outcome, ToolContext, ToolRunner
from application.tools.recover_call import RecoverCall
from domain.conversation.errors import StaleFenceError
from domain.kernel.errors import DomainError, StorageUnavailableError
from domain.kernel.identifiers import InvocationId
from domain.kernel.principal import Principal
from domain.kernel.storable_text import cut_text
from domain.tools.errors import ToolFailedError, ToolOutcomeUnknownError
from domain.tools.invocation import MAX_RESULT_BYTES, MOST_TAKEOVERS, Invocation, InvocationState
from domain.tools.invocation_event import CALL_TIME

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedCall:
    """A call that is written as STARTED, under a lease since `began` (monotonic).

    A fence above 0 says that another server started it and was lost.
    """

    invocation: Invocation
    principal: Principal
    began: float
    fence: int = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RunCall:
    """At most once: whoever wrote STARTED runs it here, and nobody else starts it again.

    When this process is lost on the way the lease runs out, and another server recovers the call.
    """

    runner: ToolRunner
    recover: RecoverCall
    health: ProviderHealth
    effects: EffectJournal
    facts: CallFacts
    observer: CallObserver
    clock: Clock
    lease_seconds: float

    async def __call__(self, call: StartedCall) -> Invocation:
        """Give the call as it ended.

        Raises:
            StaleFenceError: Another server has taken it over, and ends it.
            StorageUnavailableError: It ran, and how it ended could not be written down.
        """
        if self.clock.monotonic() - call.began >= self.lease_seconds:
            # This process stood still for so long that the call may be another server's.
            raise StaleFenceError(str(call.invocation.id))
        renewing = create_task(self._renew(call))
        try:
            if not call.fence:
                return await self._made(call)
            ended = await self._recovered(call)
            self.observer.recovered(ended.state)
            return ended
        finally:
            renewing.cancel()

    async def _made(self, call: StartedCall) -> Invocation:
        tool = call.invocation.tool
        try:
            text = await self._run(call)
        except (ToolFailedError, ToolOutcomeUnknownError) as refusal:
            self.health.failed(tool)
            unknown = isinstance(refusal, ToolOutcomeUnknownError)
            state = InvocationState.UNKNOWN if unknown else InvocationState.FAILED
            return await self._end(call, state, refusal.reason, str(refusal))
        except Exception:
            # A defect of the tool: what it did is not known, and that is said before it is raised.
            unknown_reason = ToolOutcomeUnknownError.reason
            await self._end(call, InvocationState.UNKNOWN, unknown_reason, "")
            raise
        self.health.succeeded(tool)
        return await self._end(call, InvocationState.SUCCEEDED, "", text)

    async def _run(self, call: StartedCall) -> str:
        invocation, context = call.invocation, _context(call)
        try:
            async with timeout(context.seconds):
                return await self.runner.run(invocation.tool, invocation.arguments, context)
        except TimeoutError:
            if invocation.effect:
                raise ToolOutcomeUnknownError(invocation.tool) from None
            raise ToolFailedError(invocation.tool, "it took too long") from None

    async def _recovered(self, call: StartedCall) -> Invocation:
        if call.fence > MOST_TAKEOVERS:
            # Whatever it does to servers, it does not do it to one more.
            lost = ToolOutcomeUnknownError(call.invocation.tool)
            return await self._end(call, InvocationState.UNKNOWN, lost.reason, str(lost))
        found = await self.recover(call.invocation, _context(call))
        return await self._end(call, found.state, found.reason, found.result)

    async def _end(
        self, call: StartedCall, state: InvocationState, reason: str, text: str
    ) -> Invocation:
        invocation = call.invocation
        outcome = Outcome(
            tenant_id=invocation.tenant_id,
            invocation_id=invocation.id,
            fence=call.fence,
            state=state,
            result=cut_text(text, MAX_RESULT_BYTES),
            reason=reason,
            outgoing=(self.facts.invoked(invocation, state),),
            uses=(COST,),
            usage=self.facts.used(invocation),
        )
        return await insisting(lambda: self.effects.finish(outcome))

    async def _renew(self, call: StartedCall) -> None:
        """Keep the lease while the call runs; without it another server takes the call over."""
        one, mine = call.invocation, True
        while mine:
            await sleep(self.lease_seconds / 3)
            with suppress(StorageUnavailableError):
                mine = await self.effects.renew(one.tenant_id, one.id, call.fence)


def _context(call: StartedCall) -> ToolContext:
    return ToolContext(
        principal=call.principal,
        session_id=call.invocation.session_id,
        invocation_id=call.invocation.id,
        seconds=CALL_TIME.total_seconds(),
    )


@final
@dataclass(slots=True, kw_only=True)
class RunningCalls:
    """The calls that run in this process: they go on when the client that asked goes away.

    While it is `leaving` nothing that was left elsewhere is begun here: another server does.
    """

    _tasks: dict[InvocationId, Task[Invocation]] = field(
        default_factory=dict[InvocationId, Task[Invocation]]
    )
    _starting: set[Task[object]] = field(default_factory=set[Task[object]])
    leaving: bool = field(default=False, init=False)

    def __len__(self) -> int:
        return len(self._tasks)

    async def starting(self, work: Coroutine[None, None, T]) -> T:
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
        """Let the calls end, with those that are being started; how many did not by then."""
        self.leaving = True
        with suppress(TimeoutError):
            async with timeout(seconds):
                while going := self._going():
                    await wait(going)
        return len(self._going())

    def _going(self) -> set[Task[object]]:
        return {*self._starting, *self._tasks.values()}

    def _ended(self, invocation_id: InvocationId, done: Task[Invocation]) -> None:
        self._tasks.pop(invocation_id, None)
        error = None if done.cancelled() else done.exception()
        if error is not None and not isinstance(error, DomainError):
            # Clients are told that the outcome is unknown; operators are told of the defect.
            message = f"invocation {invocation_id} broke"
            done.get_loop().call_exception_handler({"message": message, "exception": error})
