"""Dead letters of this process, the port's plainest truth."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, final

from application.delivery.ports.dead_letters import LetterFilter, OpenedLetter
from application.kernel.ports import Clock
from domain.delivery.dead_letter import Content, DeadLetter, LetterState
from domain.delivery.errors import DeadLetterNotFoundError
from domain.kernel.errors import EtagMismatchError
from domain.kernel.events import AuditRecorded
from domain.kernel.identifiers import DeadLetterId, TenantId
from domain.tenancy.tenant import PLATFORM_TENANT_ID

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BELOW_THE_TIME: Final = 80
"""The bits of an identifier below its time, which is in milliseconds."""


@final
@dataclass(slots=True)
class InMemoryDeadLetters:
    """A `DeadLetters`; `audits` are those that were published with its changes."""

    clock: Clock
    kept: dict[DeadLetterId, OpenedLetter] = field(default_factory=dict[DeadLetterId, OpenedLetter])
    taken_until: dict[DeadLetterId, float] = field(default_factory=dict[DeadLetterId, float])
    audits: list[AuditRecorded] = field(default_factory=list[AuditRecorded])

    async def put(self, letter: DeadLetter, content: Content) -> bool:
        place = (letter.tenant_id, letter.source, letter.origin)
        known = (one.letter for one in self.kept.values())
        if any((one.tenant_id, one.source, one.origin) == place for one in known):
            return False
        came = replace(letter, created_at=self.clock.now())
        self.kept[letter.id] = OpenedLetter(came, content)
        return True

    async def keep_unknown(self, most: int) -> int:
        unknown = [one.letter for one in self.kept.values() if _is_unknown(one.letter)]
        gone = sorted(unknown, key=_place)[: max(0, len(unknown) - most)]
        for letter in gone:
            del self.kept[letter.id]
        return len(gone)

    async def page(
        self, asked: LetterFilter, after: DeadLetterId | None, limit: int
    ) -> Sequence[DeadLetter]:
        ended = None if after is None else self._end_of(asked, after)
        found = [
            self._now(one).letter
            for one in self.kept.values()
            if _meant(asked, one.letter) and (ended is None or _place(one.letter) > ended)
        ]
        return sorted(found, key=_place)[:limit]

    async def open(self, tenant_id: TenantId, letter_id: DeadLetterId) -> OpenedLetter:
        return self._now(self._of(tenant_id, letter_id))

    async def take(
        self, tenant_id: TenantId, letters: Sequence[DeadLetterId], seconds: float
    ) -> Sequence[OpenedLetter]:
        taken: list[OpenedLetter] = []
        for letter_id in sorted(letters):
            one = self.kept.get(letter_id)
            if one is None or one.letter.tenant_id != tenant_id:
                continue
            letter = self._now(one).letter
            if letter.state is not LetterState.RESTING or letter.replaying:
                continue
            held = replace(one, letter=replace(one.letter, version=letter.version + 1))
            self.kept[letter_id] = held
            self.taken_until[letter_id] = self.clock.monotonic() + seconds
            taken.append(self._now(held))
        return taken

    async def change(
        self, changed: DeadLetter, content: Content | None, audit: AuditRecorded
    ) -> None:
        stored = self._of(changed.tenant_id, changed.id)
        if stored.letter.version != changed.version - 1:
            raise EtagMismatchError(str(changed.id))
        self.taken_until.pop(changed.id, None)
        self.kept[changed.id] = OpenedLetter(changed, content or stored.content)
        self.audits.append(audit)

    def _end_of(self, asked: LetterFilter, after: DeadLetterId) -> tuple[datetime, DeadLetterId]:
        """The place of the letter; of one that was deleted that of the time in its identifier."""
        known = self.kept.get(after)
        if known is not None and asked.tenant_id in (None, known.letter.tenant_id):
            return _place(known.letter)
        return _EPOCH + timedelta(milliseconds=after.int >> _BELOW_THE_TIME), after

    def _of(self, tenant_id: TenantId, letter_id: DeadLetterId) -> OpenedLetter:
        found = self.kept.get(letter_id)
        if found is None or found.letter.tenant_id != tenant_id:
            raise DeadLetterNotFoundError(str(letter_id))
        return found

    def _now(self, one: OpenedLetter) -> OpenedLetter:
        until = self.taken_until.get(one.letter.id)
        replaying = until is not None and until > self.clock.monotonic()
        return replace(one, letter=replace(one.letter, replaying=replaying))


def _is_unknown(letter: DeadLetter) -> bool:
    return (
        letter.tenant_id == PLATFORM_TENANT_ID
        and letter.state is LetterState.RESTING
        and letter.version == 0
        and letter.source != "relay"
    )


def _place(letter: DeadLetter) -> tuple[datetime, DeadLetterId]:
    return letter.created_at, letter.id


def _meant(asked: LetterFilter, letter: DeadLetter) -> bool:
    return (
        (asked.tenant_id is None or letter.tenant_id == asked.tenant_id)
        and (asked.state is None or letter.state is asked.state)
        and (not asked.topic or letter.topic == asked.topic)
        and (not asked.key or letter.key == asked.key)
        and (not asked.reason or letter.reason == asked.reason)
        and (asked.since is None or letter.created_at >= asked.since)
        and (asked.until is None or letter.created_at < asked.until)
    )
