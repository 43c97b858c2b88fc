"""Memory and notes of this process, the ports' plainest truth."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, final

from application.memory.ports import Recalled, RememberText
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import InvocationId, MemoryId, TenantId
from domain.memory.errors import MemoryNotFoundError
from domain.memory.events import MemoryForgotten
from domain.memory.note import Note
from domain.memory.recollection import MemoryScope, Recollection

_STOP_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by do does for from have he her his how i in is it its me my of on "
        "or she that the their they this to was we what when where which who why will with you",
    )
)
_WORD: Final = re.compile(r"\w+")
_ENDINGS: Final = ("ing", "ed", "es", "s", "e")


@final
@dataclass(slots=True)
class InMemoryMemories:
    """A `MemoryStore`. Words are compared without common endings, as a search engine would."""

    stored: dict[tuple[TenantId, MemoryId], RememberText] = field(
        default_factory=dict[tuple[TenantId, MemoryId], RememberText]
    )
    requests: dict[tuple[TenantId, str], MemoryId] = field(
        default_factory=dict[tuple[TenantId, str], MemoryId]
    )
    forgotten: set[MemoryId] = field(default_factory=set[MemoryId])
    published: list[DomainEvent] = field(default_factory=list[DomainEvent])

    async def remember(self, command: RememberText) -> Recollection:
        """Keep a text; the stored one when the request was there before."""
        tenant_id = command.recollection.scope.tenant_id
        if (tenant_id, command.request_id) not in self.requests:
            self.published.append(command.fact)
        known = self.requests.setdefault((tenant_id, command.request_id), command.recollection.id)
        kept = self.stored.setdefault((tenant_id, known), command)
        if kept.digest != command.digest:
            raise IdempotencyKeyReusedError(command.request_id)
        return kept.recollection

    async def recall(self, scope: MemoryScope, cue: str, limit: int) -> Recalled:
        """What holds all the cue's words before what holds some."""
        words = _words(cue)
        scored = [
            replace(one, score=score)
            for one in self._seen(scope)
            if (score := _score(words, one)) > 0
        ]
        scored.sort(key=lambda one: (one.score, one.created_at, one.id), reverse=True)
        return Recalled(tuple(scored[:limit]))

    async def forget(self, fact: MemoryForgotten) -> None:
        """Destroy a text and its nonce; its place stays, so that nothing is remembered again."""
        tenant_id, memory_id = fact.tenant_id, fact.memory_id
        kept = self.stored.get((tenant_id, memory_id))
        if kept is None:
            raise MemoryNotFoundError(str(memory_id))
        if memory_id not in self.forgotten:
            self.published.append(fact)
        self.forgotten.add(memory_id)
        self.stored[tenant_id, memory_id] = replace(
            kept, recollection=replace(kept.recollection, text=""), nonce=b""
        )

    def _seen(self, scope: MemoryScope) -> Sequence[Recollection]:
        return [
            kept.recollection
            for kept in self.stored.values()
            if scope.sees(kept.recollection.scope) and kept.recollection.id not in self.forgotten
        ]


@final
@dataclass(slots=True)
class InMemoryNotes:
    """A `NoteStore`."""

    stored: dict[tuple[TenantId, InvocationId], Note] = field(
        default_factory=dict[tuple[TenantId, InvocationId], Note]
    )

    async def write(self, note: Note) -> Note:
        """Keep a note; the stored one when its id is there already."""
        return self.stored.setdefault((note.tenant_id, note.id), note)

    async def notes(self, tenant_id: TenantId, subject: str, limit: int) -> Sequence[Note]:
        """The subject's notes, newest first."""
        found = [
            note
            for note in self.stored.values()
            if (note.tenant_id, note.subject) == (tenant_id, subject)
        ]
        return sorted(found, key=lambda note: note.id, reverse=True)[:limit]


def _words(text: str) -> frozenset[str]:
    return frozenset(_stem(word) for word in _WORD.findall(text.lower()) if word not in _STOP_WORDS)


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return word.removesuffix(ending)
    return word


def _score(cue: frozenset[str], one: Recollection) -> float:
    shared = len(cue & _words(one.text))
    if shared == 0:
        return 0.0
    whole = 1.0 if shared == len(cue) else 0.0
    return whole + shared / len(cue) * (1 + one.strength) / 2
