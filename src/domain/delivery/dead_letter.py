"""Messages that could not be delivered or taken, kept with their history until somebody decides."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Final, Self, TypeAlias

from domain.delivery.errors import DeadLetterBusyError, DeadLetterSettledError
from domain.kernel.identifiers import DeadLetterId, TenantId
from domain.kernel.storable_text import cut_text

MOST_PAYLOAD: Final = 1 << 20
"""Bytes of a payload that are kept; of a longer one the beginning."""

MOST_HEADERS: Final = 64
MOST_HEADER: Final = 4096
"""Bytes of a header's value that are kept."""

MOST_ATTEMPTS: Final = 32
"""Attempts that are remembered: the first, and then the last ones."""

RELAY: Final = "relay"
"""The source of letters whose events a relay gave up; their origin is the event's id."""

LONGEST_NAME: Final = 249
LONGEST_CAUSE: Final = 1024
LONGEST_KEY: Final = 1024

SECRET_HEADERS: Final = frozenset({"authorization", "x-api-key"})
"""Never kept: who replays a letter acts by a credential of his own."""

Header: TypeAlias = tuple[str, bytes]


class LetterState(Enum):
    """Where a dead letter stands; the numbers are those of the API."""

    RESTING = 1
    """It waits for somebody's decision."""
    REPLAYED = 2
    """It was sent on, or taken, after all."""
    DISCARDED = 3
    """Somebody decided that nothing is to be done."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try that failed: when, and how it was refused."""

    at: datetime
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a message carries beside its key; no header holds a credential."""

    headers: tuple[Header, ...]
    payload: bytes

    @classmethod
    def of(cls, headers: Sequence[Header], payload: bytes) -> Self:
        """What is kept of a message from outside: bounded, storable, without credentials."""
        kept = tuple(
            (cut_text(name, LONGEST_NAME), value[:MOST_HEADER])
            for name, value in headers
            if name.lower() not in SECRET_HEADERS
        )
        return cls(headers=kept[:MOST_HEADERS], payload=payload[:MOST_PAYLOAD])


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that rests, without its content.

    `source` is who gave up on it (`relay`, or the name of a consumer), `origin` what names the
    message there: put twice it is one letter. `type` is what it was meant to be, empty where nobody
    can tell. `payload_bytes` is its true size. `reason` names the last refusal, `cause` says it in
    words. `replaying` is true while somebody has taken it to replay it. `tenant` is the slug.
    """

    id: DeadLetterId
    tenant_id: TenantId
    tenant: str
    source: str
    origin: str
    topic: str
    key: bytes
    type: str
    payload_bytes: int
    reason: str
    cause: str
    attempts: tuple[Attempt, ...]
    created_at: datetime
    state: LetterState = LetterState.RESTING
    replaying: bool = False
    settled_at: datetime | None = None
    settled_by: str = ""
    note: str = ""
    version: int = 0

    @property
    def etag(self) -> str:
        return f'"{self.version}"'

    @property
    def whole(self) -> bool:
        """Whether all of its payload was kept; one that was not can only be edited or discarded."""
        return self.payload_bytes <= MOST_PAYLOAD

    def check_open(self) -> None:
        """Whether somebody may still decide about it.

        Raises:
            DeadLetterSettledError: It was replayed or discarded.
            DeadLetterBusyError: It is being replayed.
        """
        if self.state is not LetterState.RESTING:
            raise DeadLetterSettledError(str(self.id), self.state.name)
        if self.replaying:
            raise DeadLetterBusyError(str(self.id))

    def edit(self, payload_bytes: int) -> Self:
        """The letter with another content of so many bytes.

        Raises:
            DeadLetterSettledError: It was replayed or discarded.
            DeadLetterBusyError: It is being replayed.
        """
        self.check_open()
        return replace(self, payload_bytes=payload_bytes, version=self.version + 1)

    def discard(self, *, by: str, note: str, at: datetime) -> Self:
        """The letter with nothing more to be done about it.

        Raises:
            DeadLetterSettledError: It was replayed or discarded.
            DeadLetterBusyError: It is being replayed.
        """
        self.check_open()
        return self._settle(LetterState.DISCARDED, by=by, note=note, at=at)

    def replayed(self, *, by: str, into: str, at: datetime) -> Self:
        """The letter after what took it has arrived; `into` says where."""
        return self._settle(LetterState.REPLAYED, by=by, note=into, at=at)

    def refused_again(self, reason: str, cause: str, at: datetime) -> Self:
        """The letter after a replay that failed: it rests on."""
        return replace(
            self,
            reason=cut_text(reason, LONGEST_NAME),
            cause=cut_text(cause, LONGEST_CAUSE),
            attempts=remembered((*self.attempts, Attempt(at, cut_text(cause, LONGEST_CAUSE)))),
            replaying=False,
            version=self.version + 1,
        )

    def kept_from_replay(self, cause: str, at: datetime) -> Self:
        """The letter after a replay that what it met kept from all: it rests for what it did."""
        tried = Attempt(at, cut_text(cause, LONGEST_CAUSE))
        return replace(
            self,
            attempts=remembered((*self.attempts, tried)),
            replaying=False,
            version=self.version + 1,
        )

    def _settle(self, state: LetterState, *, by: str, note: str, at: datetime) -> Self:
        return replace(
            self,
            state=state,
            replaying=False,
            settled_at=at,
            settled_by=by,
            note=note,
            version=self.version + 1,
        )


def remembered(attempts: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """The attempts that are kept: the first, and then the last ones."""
    if len(attempts) <= MOST_ATTEMPTS:
        return tuple(attempts)
    return (attempts[0], *attempts[1 - MOST_ATTEMPTS :])
