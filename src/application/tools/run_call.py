"""Run a tool call that a client made by itself, and write down what came of it."""

from asyncio import (
    Task,
    Timeout,
    create_task,
    get_running_loop,
    shield,
    sleep,
    timeout,
    wait,
)
from collections.abc import Awaitable, Collection, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar, final

from application.capability.ports import ProviderHealth
from application.kernel.insisting import insisting
from application.kernel.ports import Clock
from application.tools.call_facts import COST, CallFacts
from application.tools.ports import CallObserver, EffectJournal, Outcome, ToolContext, ToolRunner
from application.tools.recover_call import RecoverCall, Recovered
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

    A fence above 0 says that whoever had it before lost it: another server, or this one.
    """

    invocation: Invocation
    principal: Principal
    began: float
    fence: int = 0


@final
@dataclass(slots=True)
class _UnderWay:
    """What is done with the tool of a call, until it is known that the call is another server's."""

    _scope: Timeout | None = None

    async def do(self, call: StartedCall, work: Awaitable[T]) -> T:
        """Raises: StaleFenceError: It was stopped on the way."""
        scope = timeout(None)
        try:
            async with scope:
                self._scope = scope
                return await work
        except TimeoutError:
            if scope.expired():
                raise StaleFenceError(str(call.invocation.id)) from None
            raise
        finally:
            self._scope = None

    def stop(self) -> None:
        """Too late once the tool has ended: what that was is refused by the fence, or stands."""
        if self._scope is not None:
            self._scope.reschedule(0.0)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RunCall:
    """At most once: whoever wrote STARTED runs it here, and nobody else starts it again.

    When this process is lost on the way the lease runs out, and another server recovers the call.
    Where it is told that the call is another's, it stops what it does and writes nothing of it.
    """

    runner: ToolRunner
    recover: RecoverCall
    health: ProviderHealth
    effects: EffectJournal
    facts: CallFacts
    observer: CallObserver
    clock: Clock
    lease_seconds: float

    async def __call__(
        self, call: StartedCall, earlier: Collection[Task[Invocation]] = ()
    ) -> Invocation:
        """Give the call as it ended. It is recovered when its `earlier` attempts here have ended.

        Raises:
            StaleFenceError: Another server has taken it over, and ends it.
            StorageUnavailableError: It ran, and how it ended could not be written down.
        """
        if self.clock.monotonic() - call.began >= self.lease_seconds:
            # This process stood still for so long that the call may be another server's.
            raise StaleFenceError(str(call.invocation.id))
        doing = _UnderWay()
        renewing = create_task(self._renew(call, doing))
        try:
            if not call.fence:
                return await self._made(call, doing)
            found = await doing.do(call, self._found(call, earlier))
            ended = await self._end(call, found.state, found.reason, found.result)
            self.observer.recovered(ended.state)
            return ended
        finally:
            renewing.cancel()

    async def _made(self, call: StartedCall, doing: _UnderWay) -> Invocation:
        tool = call.invocation.tool
        try:
            text = await doing.do(call, self._run(call))
        except StaleFenceError:
            raise
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

    async def _found(self, call: StartedCall, earlier: Collection[Task[Invocation]]) -> Recovered:
        # Whatever it does to servers, it does not do it to one more. And what an attempt that
        # cannot be stopped comes to is not known, whatever the tool says before.
        if call.fence > MOST_TAKEOVERS or not await self._are_over(earlier):
            lost = ToolOutcomeUnknownError(call.invocation.tool)
            return Recovered(state=InvocationState.UNKNOWN, reason=lost.reason, result=str(lost))
        return await self.recover(call.invocation, _context(call))

    async def _are_over(self, attempts: Collection[Task[Invocation]]) -> bool:
        """Wait for the end of attempts that were told to stop; whether all have ended."""
        if not attempts:
            return True
        _, going_on = await wait(attempts, timeout=self.lease_seconds)
        return not going_on

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

    async def _renew(self, call: StartedCall, doing: _UnderWay) -> None:
        """Keep the lease while the call runs; without it another server takes the call over."""
        one, mine = call.invocation, True
        while mine:
            await sleep(self.lease_seconds / 3)
            try:
                mine = await self.effects.renew(one.tenant_id, one.id, call.fence)
            except StorageUnavailableError:
                continue
            except Exception as error:  # noqa: BLE001 - the next renewal may do, and keeps the call
                _tell(f"invocation {one.id} could not be renewed", error)
        doing.stop()


def _tell(message: str, error: BaseException) -> None:
    """Let operators know of a defect."""
    get_running_loop().call_exception_handler({"message": message, "exception": error})


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

    `_attempts` are the tasks of each, the latest last: a call that was lost may be recovered here.
    While it is `leaving` nothing that was left elsewhere is begun here: another server does.
    """

    _attempts: dict[InvocationId, list[Task[Invocation]]] = field(
        default_factory=dict[InvocationId, list[Task[Invocation]]]
    )
    _starting: set[Task[object]] = field(default_factory=set[Task[object]])
    leaving: bool = field(default=False, init=False)

    def __len__(self) -> int:
        return len(self._attempts)

    async def starting(self, work: Coroutine[None, None, T]) -> T:
        """Do what leads to a start to its end, even if whoever waits for it goes away."""
        task = create_task(work)
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return await shield(task)

    def start(self, run: RunCall, call: StartedCall) -> None:
        """Run a call in a task of its own; an attempt of it that was lost stops before."""
        invocation_id = call.invocation.id
        attempts = self._attempts.setdefault(invocation_id, [])
        earlier = tuple(attempts)
        for one in earlier:
            one.cancel()
        task = create_task(run(call, earlier), name=f"invocation {invocation_id}")
        attempts.append(task)
        task.add_done_callback(lambda done: self._ended(invocation_id, done))

    def find(self, invocation_id: InvocationId) -> Task[Invocation] | None:
        """The latest attempt at a call."""
        attempts = self._attempts.get(invocation_id)
        return attempts[-1] if attempts else None

    async def drain(self, seconds: float) -> int:
        """Let the calls end, with those that are being started; how many did not by then."""
        self.leaving = True
        with suppress(TimeoutError):
            async with timeout(seconds):
                while going := self._going():
                    await wait(going)
        return len(self._going())

    def _going(self) -> set[Task[object]]:
        return {*self._starting, *chain.from_iterable(self._attempts.values())}

    def _ended(self, invocation_id: InvocationId, done: Task[Invocation]) -> None:
        attempts = self._attempts[invocation_id]
        attempts.remove(done)
        if not attempts:
            del self._attempts[invocation_id]
        error = None if done.cancelled() else done.exception()
        if error is not None and not isinstance(error, DomainError):
            # Clients are told that the outcome is unknown; operators are told of the defect.
            _tell(f"invocation {invocation_id} broke", error)
