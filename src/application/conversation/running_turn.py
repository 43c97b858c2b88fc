"""A turn as the process that drives it holds it: its lease, its events, its end."""

from asyncio import CancelledError, Event, Lock, Task, sleep
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, final

from application.conversation.ports.journal import Grant
from application.conversation.turn_log import TurnLog
from application.kernel.insisting import insisting
from application.kernel.ports import Clock
from domain.conversation.errors import StaleFenceError
from domain.conversation.turn_event import TurnEvent, TurnEventBody
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import SessionId, TenantId, TurnId

CEILING_STEP: Final = 1000
"""How far a renewal raises the sequence ceiling above the next event."""

CEILING_MARGIN: Final = 200
"""So many numbers before the ceiling a renewal is asked for."""

AGAIN_SECONDS: Final = 0.05
"""How long a driver whose row is locked, or that has come to its ceiling, waits to ask again."""

UNWRITTEN_BYTES: Final = 1 << 20
"""A driver shows nothing more while so much is not yet written."""

T = TypeVar("T")


@final
class RunningTurn:
    """Checks the lease before anything is shown or called: a paused process must not go on.

    `unsure` are events that were sent to be written under this fence, and may have been;
    `unsure_step` finds out what became of a step of the journal that may have been made.
    """

    __slots__ = (
        "_clock", "_keep", "_lost", "begun", "cancelled_by", "ceiling", "closing", "ended", "fence",
        "lease_until", "log", "session_id", "started_at", "task", "tenant_id", "turn_id", "unsure",
        "unsure_step", "watched", "writing",
    )  # fmt: skip

    def __init__(
        self,
        *,
        tenant_id: TenantId,
        session_id: SessionId,
        grant: Grant,
        asked_at: float,
        clock: Clock,
        keep: Callable[["RunningTurn"], Awaitable[None]],
    ) -> None:
        self._clock = clock
        self._keep = keep
        self._lost = False
        self.tenant_id = tenant_id
        self.session_id = session_id
        self.turn_id: TurnId = grant.turn_id
        self.fence = grant.fence
        self.ceiling = grant.ceiling
        self.started_at = clock.monotonic()
        self.lease_until = asked_at + grant.lease_seconds
        self.log = TurnLog(clock, first_sequence=grant.first_sequence)
        self.begun = False
        self.cancelled_by: str | None = None
        self.closing = False
        self.watched = False
        self.writing = Lock()
        self.unsure: tuple[TurnEvent, ...] = ()
        self.unsure_step: Callable[[], Awaitable[object]] | None = None
        self.ended = Event()
        self.task: Task[None] | None = None

    @property
    def lease_left(self) -> float:
        return self.lease_until - self._clock.monotonic()

    def renewed(self, seconds: float, ceiling: int, asked_at: float) -> None:
        """The lease counts from when it was asked for: the answer may have been long in coming.

        One that comes after the turn was lost changes nothing: it may have been handed back since.
        """
        if self._lost:
            return
        self.lease_until = asked_at + seconds
        self.ceiling = max(self.ceiling, ceiling)

    def lost(self) -> None:
        """The lease is another's: stop as soon as the driver looks, and show nothing more.

        Too late once the turn is `closing`: it may be its own end by which nobody has a lease any
        more. What the driver waits for says whether that was made, by the fence.
        """
        if self.closing:
            return
        self._lost = True
        self.lease_until = 0.0
        self.log.close()
        self._stop()

    def cancel(self, by: str) -> None:
        """Stop the driver; it settles what was used and ends the turn as cancelled.

        Too late once the turn is `closing`: its end is being committed.
        """
        if self.cancelled_by is None and not self.closing:
            self.cancelled_by = by
            self._stop()

    def _stop(self) -> None:
        """One that has not begun sees for itself, by `check`: cancelled, it would never begin."""
        if self.begun and self.task is not None:
            self.task.cancel()

    def check(self) -> None:
        """Raise unless the turn is still to go on, here.

        Raises:
            CancelledError: It was cancelled, and what the driver waited for forgot to say so.
            StaleFenceError: The lease has run out; another server may drive the turn.
        """
        if self.cancelled_by is not None and not self.closing:
            raise CancelledError
        # A promoted turn shows nothing before its first renewal, which asks by the fence whose it
        # is: what was left of its lease when its server came to it does not matter.
        renewed = self.ceiling > 0
        if self._lost or (renewed and self._clock.monotonic() >= self.lease_until):
            raise StaleFenceError(str(self.turn_id))

    async def take_step(
        self, step: Callable[[], Awaitable[T]], again: Callable[[], Awaitable[object]]
    ) -> T:
        """The answer of an idempotent step of the journal, insisted on.

        A driver that stops before it knows it ends the turn by what `again` then makes sure of: a
        step that is still under way would else be made after that, or paid for once more.

        Raises:
            StorageUnavailableError: It is not known whether the step was made.
            Besides, what the journal refuses it with, or a defect: then it was not.
        """
        self.unsure_step = again
        try:
            answer = await insisting(step)
        except StorageUnavailableError:
            raise
        except Exception:
            # A try that was lost has not made it either: the lock of the tenant orders the tries,
            # and the last of them would have found what that had made.
            self.unsure_step = None
            raise
        self.unsure_step = None
        return answer

    async def make_sure(self) -> None:
        """Find out what became of the step that the driver did not hear of, if there is one.

        Raises:
            StaleFenceError: The turn is another server's now.
            StorageUnavailableError: It is still not known.
        """
        again, self.unsure_step = self.unsure_step, None
        if again is None:
            return
        try:
            await again()
        except StorageUnavailableError:
            self.unsure_step = again
            raise

    async def show(self, body: TurnEventBody) -> None:
        """Number an event and let watchers see it.

        Raises:
            StaleFenceError: The lease has run out.
        """
        self.check()
        if (
            self.log.next_sequence + CEILING_MARGIN > self.ceiling
            or self.log.unwritten_bytes > UNWRITTEN_BYTES
        ):
            await self._keep(self)
            self.check()
            # The ceiling itself is the number of `Restarted`, should this server be lost: nobody
            # who resumes after the last number that he saw may miss that.
            while self.log.next_sequence >= self.ceiling:
                await sleep(AGAIN_SECONDS)
                await self._keep(self)
                self.check()
        self.log.append(body)
