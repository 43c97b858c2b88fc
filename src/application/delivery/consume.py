"""Take what other systems send, in order for each key, and let rest what cannot be taken."""

from asyncio import Semaphore, gather, timeout
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, final

from application.delivery.consumption import Backlog, Consumption, Lane
from application.delivery.ports.dead_letters import RestingPlace
from application.delivery.ports.source import MessageSource, Poll
from application.delivery.ports.taking import (
    ConsumptionObserver,
    NotTaken,
    TakeMessage,
    TellOfLetter,
)
from application.kernel.ports import Clock, DurableClock, IdentifierSource
from domain.delivery.dead_letter import (
    LONGEST_CAUSE,
    LONGEST_KEY,
    LONGEST_NAME,
    Attempt,
    Content,
    DeadLetter,
    remembered,
)
from domain.delivery.errors import SourceFencedError
from domain.delivery.incoming_message import IncomingMessage, Partition
from domain.delivery.patience import is_away, patience_for
from domain.delivery.retry import RETRY_RULES, Trouble
from domain.kernel.errors import DomainError, StorageUnavailableError
from domain.kernel.identifiers import DeadLetterId
from domain.kernel.storable_text import cut_text
from domain.tenancy.tenant import PLATFORM_TENANT_ID

POLL_SECONDS: Final = 0.25
LAG_SECONDS: Final = 10.0

LAST_COMMIT_SECONDS: Final = 5.0
"""How long a consumer that stops waits for its broker; it is told to stop with a time limit too."""

DEFECT: Final = "INTERNAL"
"""The reason of a letter whose message met a defect of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerTerms:
    """How many messages are worked on at once, and come with one poll.

    `unknown` is how many letters of senders that nobody knows are kept, the latest.
    `backlog` is how many more of one partition may wait behind their key, or for their next try,
    and `backlog_bytes` how large all may be that is not done with; beyond either nothing more of
    that partition is read.
    """

    in_flight: int = 64
    batch: int = 64
    unknown: int = 1000
    backlog: int = 256
    backlog_bytes: int = 8 * 1024 * 1024


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Consume:
    """Read, take, and commit what is done with, until cancelled.

    Messages of one key are taken one after the other; other keys go on while one waits for what
    stands in its way. A message is done with when it was taken or rests as a dead letter: both are
    durable then. What was read and is not done with comes again, here or to another reader.

    No more is read while `has_room` says no or `terms.in_flight` messages are worked on: the
    partitions are paused, and stay this reader's. What waits behind its own key, or for its next
    try, is no work: too much of it pauses its own partition alone.

    `fraction` gives random numbers in [0, 1), `sleep` waits for seconds.
    """

    source: MessageSource
    take: TakeMessage
    letters: RestingPlace
    tell: TellOfLetter
    observer: ConsumptionObserver
    clock: Clock
    times: DurableClock
    identifiers: IdentifierSource
    has_room: Callable[[], bool]
    fraction: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    terms: ConsumerTerms = ConsumerTerms()

    async def __call__(self) -> None:
        """Return when another reader took this one's name, and is gone: whoever calls reads anew.

        Meanwhile that one goes on with all of it, and this one does nothing.
        A defect of what is behind it ends it: whoever calls it begins anew, from what is committed.
        """
        try:
            await self._take_all()
        except SourceFencedError:
            self.observer.fenced()
            await self._until_free()
            self.observer.freed()

    async def _until_free(self) -> None:
        """Leave the name to whoever has it: two who took it from each other would read little."""
        looks, taken = 0, True
        while taken:
            looks += 1
            pause = RETRY_RULES[Trouble.AWAY].pause(looks, self.fraction())
            if pause is not None:
                await self.sleep(pause.total_seconds())
            try:
                taken = await self.source.replaced()
            except Exception as error:  # noqa: BLE001 - whatever it is, the name may be another's
                self.observer.unsure(error)

    async def _take_all(self) -> None:
        slots = Semaphore(self.terms.in_flight)
        begun = Consumption(work=lambda message, lane: self._see_to(message, lane, slots))
        try:
            await self._read(begun)
        finally:
            # What is cut off here was not committed.
            tasks = begun.tasks()
            for task in tasks:
                task.cancel()
            await gather(*tasks, return_exceptions=True)
            # What is done with and not committed would come again to the next reader.
            with suppress(SourceFencedError, TimeoutError):
                async with timeout(LAST_COMMIT_SECONDS):
                    await self._commit(begun)

    async def _read(self, begun: Consumption) -> None:
        terms, look_at = self.terms, self.clock.monotonic()
        backlog = Backlog(messages=terms.in_flight + terms.backlog, size=terms.backlog_bytes)
        paused: frozenset[Partition] | None = frozenset()
        while begun.broken is None:
            before, paused = paused, self._to_pause(begun, backlog)
            if paused is None:
                # What was gained since is paused with it.
                await self.source.pause()
            elif paused != before:
                await self.source.resume(None if before is None else before - paused)
                await self.source.pause(paused)
            free = max(1, terms.in_flight - begun.under_way)
            poll = await self.source.poll(min(terms.batch, free), POLL_SECONDS)
            if paused is not None:
                # One that came back with the same poll came back unpaused.
                paused -= poll.lost
            self._begin(begun, poll)
            await self._commit(begun)
            if self.clock.monotonic() >= look_at:
                await self._tell_lag(begun)
                look_at = self.clock.monotonic() + LAG_SECONDS
        raise begun.broken

    async def _commit(self, begun: Consumption) -> None:
        """Commit what is due; what a broker did not keep stays due."""
        if due := begun.due():
            begun.committed.update(await self.source.commit(due))

    def _begin(self, begun: Consumption, poll: Poll) -> None:
        begun.lose(poll.lost)
        for partition in poll.lost:
            self.observer.lost(partition)
        for message in poll.messages:
            begun.begin(message)

    async def _now(self) -> float | None:
        """The time by which the age of messages counts, whatever this server's clock says."""
        try:
            return (await self.times.now()).timestamp()
        except StorageUnavailableError:
            return None

    async def _tell_lag(self, begun: Consumption) -> None:
        now, oldest = await self._now(), begun.oldest()
        for partition, messages in (await self.source.lag()).items():
            written_at = oldest.get(partition)
            age = 0.0 if now is None or written_at is None else max(0.0, now - written_at / 1000)
            self.observer.lags(partition, messages, age)

    def _to_pause(self, begun: Consumption, backlog: Backlog) -> frozenset[Partition] | None:
        """The partitions of which no more is read; None for all."""
        if begun.under_way >= self.terms.in_flight or not self.has_room():
            return None
        return begun.held_up(backlog)

    async def _see_to(self, message: IncomingMessage, lane: Lane, slots: Semaphore) -> None:
        """Take a message, again and again while that may help; else let it rest."""
        attempts: list[Attempt] = []
        away = 0
        while True:
            async with slots:
                not_taken = await self.take(message)
            if not_taken is None:
                self.observer.taken(message.partition.topic)
                return
            error = not_taken.error
            if is_away(error):
                away += 1
                failures = away  # it says nothing about this message
            else:
                attempts.append(Attempt(self.clock.now(), words_of(error)))
                failures = len(attempts)
            pause = patience_for(error).pause(failures, self.fraction())
            if pause is None:
                await self._let_rest(message, not_taken, attempts)
                return
            self.observer.tried(message.partition.topic, reason_of(error))
            lane.resting = True
            await self.sleep(pause.total_seconds())
            lane.resting = False

    async def _let_rest(
        self, message: IncomingMessage, not_taken: NotTaken, attempts: list[Attempt]
    ) -> None:
        error = not_taken.error
        letter = DeadLetter(
            id=DeadLetterId(self.identifiers.next()),
            tenant_id=not_taken.tenant_id,
            tenant=not_taken.tenant,
            source=message.partition.topic,
            origin=message.origin,
            topic=message.partition.topic,
            key=message.key[:LONGEST_KEY],
            type=cut_text(not_taken.type, LONGEST_NAME),
            payload_bytes=len(message.value),
            reason=reason_of(error),
            cause=words_of(error),
            attempts=remembered(attempts),
            created_at=self.clock.now(),
        )
        content = Content.of(message.headers, message.value)
        failures = 0
        while True:
            try:
                await self.letters.put(letter, content)
                if letter.tenant_id == PLATFORM_TENANT_ID:
                    self.observer.gave_way(await self.letters.keep_unknown(self.terms.unknown))
            except StorageUnavailableError:
                failures += 1
                pause = RETRY_RULES[Trouble.AWAY].pause(failures, self.fraction())
                if pause is not None:
                    await self.sleep(pause.total_seconds())
            else:
                await self.tell(letter, content)
                self.observer.rested(message, letter.reason, error)
                return


def reason_of(error: Exception) -> str:
    return error.reason if isinstance(error, DomainError) else DEFECT


def words_of(error: Exception) -> str:
    """What is kept of an error: of a defect nothing but its kind, for it may tell anything."""
    told = str(error) if isinstance(error, DomainError) else f"a defect: {type(error).__name__}"
    return cut_text(told, LONGEST_CAUSE)
