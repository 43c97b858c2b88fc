"""What is said of a thing that belongs to another tenant: that it is not there."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from domain.budget.errors import ReservationNotFoundError
from domain.capability.errors import CapabilityNotFoundError
from domain.capsule.errors import CapsuleNotFoundError
from domain.conversation.errors import SessionNotFoundError, TurnNotFoundError
from domain.delivery.errors import DeadLetterNotFoundError
from domain.kernel.errors import NotFoundError
from domain.memory.errors import MemoryNotFoundError
from domain.provenance.errors import RecordNotFoundError
from domain.tenancy.errors import KeyNotFoundError, TenantNotFoundError
from domain.tools.errors import InvocationNotFoundError
from entrypoints.grpc.names import collection_of, tenant_of

_REFUSALS: Final[Mapping[str, Callable[[str], NotFoundError]]] = MappingProxyType(
    {
        "sessions": SessionNotFoundError,
        "turns": TurnNotFoundError,
        "invocations": InvocationNotFoundError,
        "reservations": ReservationNotFoundError,
        "records": RecordNotFoundError,
        "memories": MemoryNotFoundError,
        "keys": KeyNotFoundError,
        "deadLetters": DeadLetterNotFoundError,
        "capabilities": CapabilityNotFoundError,
        "capsules": CapsuleNotFoundError,
        "versions": CapsuleNotFoundError,
    }
)


def not_found(name: str) -> NotFoundError:
    """The refusal that the caller would get for a name of its own tenant that names nothing."""
    refusal = _REFUSALS.get(collection_of(name))
    if refusal is None:
        return TenantNotFoundError(tenant_of(name))
    return refusal(name.rpartition("/")[2])
