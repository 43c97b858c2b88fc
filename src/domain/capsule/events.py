"""Facts that the capsule context publishes."""

from dataclasses import dataclass

from domain.kernel.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class CapsuleActivated(DomainEvent):
    """A version became the one that new turns run under; the key is the tenant.

    `previous` is the version that was active before; empty for none.
    """

    tenant: str
    capsule: str
    version: str
    previous: str
    hash: bytes
    subject: str
