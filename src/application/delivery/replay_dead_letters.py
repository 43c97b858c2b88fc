"""Send dead letters on once more, or let their consumer take them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, final

from application.delivery.consume import reason_of, words_of
from application.delivery.discard_dead_letters import ACTION
from application.delivery.letter_audit import Deed, LetterAudit
from application.delivery.ports.dead_letters import DeadLetters, LetterFilter, OpenedLetter
from application.delivery.ports.publisher import EventPublisher
from application.delivery.ports.taking import TakeMessage
from domain.delivery.dead_letter import DeadLetter, Header, LetterState
from domain.delivery.errors import (
    DeadLetterBusyError,
    DeadLetterCutError,
    DeadLetterForConsumerError,
    DeadLetterNotNamedError,
)
from domain.delivery.incoming_message import IncomingMessage, Partition
from domain.delivery.outgoing_message import OutgoingMessage
from domain.delivery.patience import is_away
from domain.delivery.topic import CONSUMED
from domain.kernel.errors import (
    ConflictError,
    DomainError,
    NotFoundError,
    PreconditionError,
    RequestExpiredError,
)
from domain.kernel.identifiers import DeadLetterId, TenantId
from domain.tenancy.tenant import PLATFORM_TENANT_ID

LEASE_SECONDS: Final = 330.0
"""Longer than a replay may take: so long nobody else replays the letter."""

BY_NAME: Final = frozenset(
    {"UNAUTHENTICATED", "CREDENTIAL_EXPIRED", "PERMISSION_DENIED", RequestExpiredError.reason}
)
"""Reasons for which a person must mean this very letter.

Its sender had no right to what he asked for, which who replays it may have; or it may be done.
"""


class Into(Enum):
    """Where letters are replayed into; `ANY` is the consumer where there is one.

    What a consumer of this service takes is never replayed into its topic.
    """

    ANY = "any"
    TOPIC = "topic"
    CONSUMER = "consumer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayDeadLettersCommand:
    """`letters` are those that are named; where `asked` is given, those that rest and match it.

    Of those, `limit` that came later than `after` are meant.

    A message of another system whose sender was not known, or had no right to it, or that is so old
    that it may have been done, must be named.

    `actor` is the subject of who asks, `credential` the headers by which he may be known again: a
    message of another system is taken under it.
    """

    tenant_id: TenantId
    actor: str
    credential: Sequence[Header]
    into: Into = Into.ANY
    letters: Sequence[DeadLetterId] = ()
    asked: LetterFilter | None = None
    limit: int = 100
    after: DeadLetterId | None = None


@dataclass(slots=True)
class Replayed:
    """What became of letters: those that are replayed now, and why others are not.

    `ended` is the last that was looked at, where more come after it that match.
    """

    letters: list[DeadLetter] = field(default_factory=list[DeadLetter])
    refused: list[tuple[DeadLetterId, Exception]] = field(
        default_factory=list[tuple[DeadLetterId, Exception]]
    )
    ended: DeadLetterId | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayDeadLetters:
    """One letter after the other, each taken first: of two who replay it, one does.

    What was sent and could not be marked, because its server was lost, may be replayed again after
    `LEASE_SECONDS`; it is the same message then.
    """

    letters: DeadLetters
    publisher: EventPublisher
    take: TakeMessage
    audit: LetterAudit

    async def __call__(self, command: ReplayDeadLettersCommand) -> Replayed:
        """Replay each by itself, in the order in which they came.

        Raises:
            StorageUnavailableError: Some may have been replayed; ask again.
        """
        replayed = Replayed()
        deed = await self.audit.deed(command.actor, ACTION)
        for letter_id in await self._meant(command, replayed):
            if command.into is Into.TOPIC and await self._is_consumed(command, letter_id, replayed):
                continue
            taken = await self.letters.take(command.tenant_id, [letter_id], LEASE_SECONDS)
            if taken:
                await self._replay(command, taken[0], deed, replayed)
            else:
                await self._leave(command, letter_id, replayed)
        return replayed

    async def _meant(
        self, command: ReplayDeadLettersCommand, replayed: "Replayed"
    ) -> Sequence[DeadLetterId]:
        if command.asked is None:
            return sorted(command.letters)
        asked = replace(command.asked, state=LetterState.RESTING)
        found = await self.letters.page(asked, command.after, command.limit + 1)
        meant = found[: command.limit]
        replayed.ended = meant[-1].id if len(found) > command.limit else None
        replayed.refused += [
            (one.id, DeadLetterNotNamedError(str(one.id), one.reason))
            for one in meant
            if _must_be_named(one)
        ]
        return [one.id for one in meant if not _must_be_named(one)]

    async def _is_consumed(
        self, command: ReplayDeadLettersCommand, letter_id: DeadLetterId, replayed: "Replayed"
    ) -> bool:
        """Whether a letter that is to go into its topic must not; it is left as it is then."""
        try:
            letter = (await self.letters.open(command.tenant_id, letter_id)).letter
        except NotFoundError:
            return False
        if letter.topic not in CONSUMED or letter.state is not LetterState.RESTING:
            return False
        refusal = DeadLetterForConsumerError(str(letter_id), letter.topic)
        replayed.refused.append((letter_id, refusal))
        return True

    async def _leave(
        self, command: ReplayDeadLettersCommand, letter_id: DeadLetterId, replayed: "Replayed"
    ) -> None:
        """Say of a letter that was not taken why; one that this caller has replayed is that."""
        try:
            letter = (await self.letters.open(command.tenant_id, letter_id)).letter
            if (letter.state, letter.settled_by) == (LetterState.REPLAYED, command.actor):
                replayed.letters.append(letter)
                return
            letter.check_open()
            raise DeadLetterBusyError(str(letter_id))
        except (NotFoundError, ConflictError, PreconditionError) as refusal:
            replayed.refused.append((letter_id, refusal))

    async def _replay(
        self,
        command: ReplayDeadLettersCommand,
        opened: OpenedLetter,
        deed: Deed,
        replayed: "Replayed",
    ) -> None:
        letter = opened.letter
        into = _target(letter)
        error = await self._send(command, opened, into)
        if error is None:
            changed = letter.replayed(by=command.actor, into=into.value, at=deed.at)
        elif is_away(error):
            changed = letter.kept_from_replay(words_of(error), deed.at)
        else:
            changed = letter.refused_again(reason_of(error), words_of(error), deed.at)
        reason = "" if error is None else reason_of(error)
        try:
            await self.letters.change(changed, None, self.audit.of(letter, deed, reason))
        except (ConflictError, NotFoundError) as lost:
            # It took so long that somebody else has the letter now.
            error = error or lost
        if error is None:
            replayed.letters.append(changed)
        else:
            replayed.refused.append((letter.id, error))

    async def _send(
        self, command: ReplayDeadLettersCommand, opened: OpenedLetter, into: Into
    ) -> Exception | None:
        """Why it did not arrive; None where it did."""
        letter, content = opened.letter, opened.content
        if not letter.whole:
            return DeadLetterCutError(str(letter.id))
        if into is Into.CONSUMER:
            message = IncomingMessage(
                partition=Partition(letter.topic, 0),
                offset=0,
                key=letter.key,
                headers=(*content.headers, *command.credential),
                value=content.payload,
                written_at=0,
            )
            not_taken = await self.take(message)
            return None if not_taken is None else not_taken.error
        sent = OutgoingMessage(
            topic=letter.topic, key=letter.key, headers=content.headers, value=content.payload
        )
        try:
            await self.publisher.publish(sent)
        except DomainError as refusal:
            return refusal
        return None


def _target(letter: DeadLetter) -> Into:
    """Into the consumer that reads its topic here; where none does, into the topic."""
    return Into.CONSUMER if letter.topic in CONSUMED else Into.TOPIC


def _must_be_named(letter: DeadLetter) -> bool:
    """Whether to replay it gives a sender rights that he had not shown, or may double what it does.

    A letter of the platform is one whose sender nobody knew, whatever its last reason is.
    """
    unknown = letter.tenant_id == PLATFORM_TENANT_ID
    return letter.topic in CONSUMED and (unknown or letter.reason in BY_NAME)
