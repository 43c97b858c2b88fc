"""Facts that the memory context publishes: never what was remembered."""

from dataclasses import dataclass

from domain.kernel.events import DomainEvent
from domain.kernel.identifiers import MemoryId
from domain.memory.recollection import MemoryKind, MemoryScope


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRemembered(DomainEvent):
    """A text was kept; the key is the tenant. `digest` is the salted hash that names it."""

    memory_id: MemoryId
    scope: MemoryScope
    kind: MemoryKind
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryForgotten(DomainEvent):
    """A text and the nonce of its hash were destroyed; the key is the tenant."""

    memory_id: MemoryId
