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
from typing import Final, TypeVar, final

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

RETRY_SECONDS: Final = 1.0
"""How soon a lease is renewed again that a database which was away did not renew."""


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

    invocation_id: InvocationId
    _scope: Timeout | None = None

    async def do(self, work: Awaitable[T]) -> T:
        """Raises: StaleFenceError: It was stopped on the way."""
        scope = timeout(None)
        try:
            async with scope:
                self._scope = scope
                return await work
        except TimeoutError:
            if scope.expired():
                raise StaleFenceError(str(self.invocation_id)) from None
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

    async def __call__(self, call: StartedCall) -> Invocation:
        """Give the call as it ended.

        Raises:
            StaleFenceError: Another server has taken it over, and ends it.
            StorageUnavailableError: It ran, and how it ended could not be written down; or it did
                not, and whether it is still this server's could not be read.
        """
        await self._hold(call)
        doing = _UnderWay(call.invocation.id)
        renewing = create_task(self._renew(call, doing))
        try:
            if not call.fence:
                return await self._made(call, doing)
            found = await doing.do(self._found(call))
            ended = await self._end(call, found.state, found.reason, found.result)
            self.observer.recovered(ended.state)
            return ended
        finally:
            renewing.cancel()

    async def _hold(self, call: StartedCall) -> None:
        """Have a lease to begin under, though this process or the database stood still for one.

        Raises:
            StaleFenceError: Another server has taken the call over.
        """
        one, began = call.invocation, call.began
        while self.clock.monotonic() - began >= self.lease_seconds:
            began = self.clock.monotonic()
            if not await self.effects.renew(one.tenant_id, one.id, call.fence):
                raise StaleFenceError(str(one.id))

    async def _made(self, call: StartedCall, doing: _UnderWay) -> Invocation:
        tool = call.invocation.tool
        try:
            text = await doing.do(self._run(call))
        except StaleFenceError:
            # No defect of the tool: how it ended is for the server that has the call to say.
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

    async def _found(self, call: StartedCall) -> Recovered:
        # Whatever it does to servers, it does not do it to one more.
        if call.fence > MOST_TAKEOVERS:
            lost = ToolOutcomeUnknownError(call.invocation.tool)
            return Recovered(state=InvocationState.UNKNOWN, reason=lost.reason, result=str(lost))
        return await self.recover(call.invocation, _context(call))

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
        pause = usual = self.lease_seconds / 3
        while mine:
            await sleep(pause)
            pause = usual
            try:
                mine = await self.effects.renew(one.tenant_id, one.id, call.fence)
            except StorageUnavailableError:
                pause = min(usual, RETRY_SECONDS)
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

    There is one attempt at each: a call that was lost is not recovered here while that goes on.
    While it is `leaving` nothing that was left elsewhere is begun here: another server does.
    """

    _attempts: dict[InvocationId, Task[Invocation]] = field(
        default_factory=dict[InvocationId, Task[Invocation]]
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
        """Run a call in a task of its own, unless one does: the lease decides whose it is then."""
        invocation_id = call.invocation.id
        if invocation_id in self._attempts:
            return
        task = create_task(run(call), name=f"invocation {invocation_id}")
        self._attempts[invocation_id] = task
        task.add_done_callback(lambda done: self._ended(invocation_id, done))

    def find(self, invocation_id: InvocationId) -> Task[Invocation] | None:
        """The attempt at a call that goes on here."""
        return self._attempts.get(invocation_id)

    def here(self) -> Collection[InvocationId]:
        """The calls at which an attempt goes on here."""
        return frozenset(self._attempts)

    async def drain(self, seconds: float) -> int:
        """Let the calls end, with those that are being started; how many did not by then."""
        self.leaving = True
        with suppress(TimeoutError):
            async with timeout(seconds):
                while going := self._going():
                    await wait(going)
        return len(self._going())

    def _going(self) -> set[Task[object]]:
        return {*self._starting, *self._attempts.values()}

    def _ended(self, invocation_id: InvocationId, done: Task[Invocation]) -> None:
        del self._attempts[invocation_id]
        error = None if done.cancelled() else done.exception()
        if error is not None and not isinstance(error, DomainError):
            # Clients are told that the outcome is unknown; operators are told of the defect.
            _tell(f"invocation {invocation_id} broke", error)
