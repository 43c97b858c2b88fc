"""Something remembered, and how strongly it answers a cue."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import MemoryId, SessionId, TenantId

MAX_TEXT_BYTES: Final = 16 * 1024
MAX_SOURCE: Final = 256
MAX_CUE_BYTES: Final = 16 * 1024
MAX_RECALLED: Final = 50


class MemoryKind(StrEnum):
    FACT = "fact"
    PREFERENCE = "preference"
    EPISODE = "episode"


@dataclass(frozen=True, slots=True)
class MemoryScope:
    """Whose memory it is.

    `subject` empty: of everybody in the tenant. `session_id` None: of all the subject's sessions.
    """

    tenant_id: TenantId
    subject: str = ""
    session_id: SessionId | None = None

    def sees(self, other: "MemoryScope") -> bool:
        """Whether who asks from this scope may recall what was remembered in the other."""
        return (
            other.tenant_id == self.tenant_id
            and other.subject in {"", self.subject}
            and other.session_id in {None, self.session_id}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollection:
    """A remembered text.

    `strength` in [0, 1] is how much it matters by itself, `score` how well it answers the cue: more
    is better, and only scores of one recall compare; 0 outside a recall. `digest` is the salted
    hash that records name it by. `source` says where it is from (a session's or turn's name).
    """

    id: MemoryId
    scope: MemoryScope
    text: str
    kind: MemoryKind
    strength: float
    source: str
    digest: bytes
    created_at: datetime
    score: float = 0.0


def check_memory(*, text: str, strength: float, source: str) -> None:
    """Refuse what cannot be kept.

    Raises:
        InvalidArgumentError: Which field, and why.
    """
    _check_text("text", text, MAX_TEXT_BYTES)
    if not 0.0 <= strength <= 1.0:
        raise InvalidArgumentError("strength", "must be from 0 to 1")
    if len(source) > MAX_SOURCE or _unstorable(source):
        raise InvalidArgumentError("source", f"must be at most {MAX_SOURCE} plain characters")


def check_cue(cue: str) -> None:
    """Raises: InvalidArgumentError: The cue is empty or too long."""
    _check_text("cue", cue, MAX_CUE_BYTES)


def _check_text(field: str, text: str, limit: int) -> None:
    if not text.strip():
        raise InvalidArgumentError(field, "must not be empty")
    if _unstorable(text):
        raise InvalidArgumentError(field, "must hold neither NUL nor half a surrogate pair")
    if len(text.encode()) > limit:
        raise InvalidArgumentError(field, f"must be at most {limit} bytes of UTF-8")


def _unstorable(text: str) -> bool:
    return any(letter == "\x00" or "\ud800" <= letter <= "\udfff" for letter in text)
