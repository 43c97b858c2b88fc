"""Resource names: how things are called on the wire, and how such a name is read."""

from typing import Final
from uuid import UUID

from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import (
    DeadLetterId,
    InvocationId,
    KeyId,
    MemoryId,
    RecordId,
    ReservationId,
    SessionId,
    TurnId,
)

ALL_TENANTS: Final = "tenants/-"
"""What an operator names to mean every tenant."""


def tenant_name(tenant: str) -> str:
    return f"tenants/{tenant}"


def session_name(tenant: str, session: SessionId) -> str:
    return f"tenants/{tenant}/sessions/{session}"


def turn_name(tenant: str, session: SessionId, turn: TurnId) -> str:
    return f"tenants/{tenant}/sessions/{session}/turns/{turn}"


def invocation_name(tenant: str, invocation: InvocationId) -> str:
    return f"tenants/{tenant}/invocations/{invocation}"


def reservation_name(tenant: str, reservation: ReservationId) -> str:
    return f"tenants/{tenant}/reservations/{reservation}"


def record_name(tenant: str, record: RecordId) -> str:
    return f"tenants/{tenant}/records/{record}"


def memory_name(tenant: str, memory: MemoryId) -> str:
    return f"tenants/{tenant}/memories/{memory}"


def key_name(tenant: str, key: KeyId) -> str:
    return f"tenants/{tenant}/keys/{key}"


def dead_letter_name(tenant: str, letter: DeadLetterId) -> str:
    return f"tenants/{tenant}/deadLetters/{letter}"


def capability_name(tenant: str, capability: str) -> str:
    return f"tenants/{tenant}/capabilities/{capability}"


def capsule_name(tenant: str, capsule: str, version: str = "") -> str:
    """The name of a version, or of the capsule itself where none is given."""
    whole = f"tenants/{tenant}/capsules/{capsule}"
    return f"{whole}/versions/{version}" if version else whole


def tenant_of(name: str) -> str:
    """The slug in any resource name; `-` for all tenants."""
    return _segment(name, "tenants")


def session_of(name: str) -> SessionId:
    return SessionId(_identifier(name, "sessions"))


def turn_of(name: str) -> tuple[SessionId, TurnId]:
    return session_of(name), TurnId(_identifier(name, "turns"))


def invocation_of(name: str) -> InvocationId:
    return InvocationId(_identifier(name, "invocations"))


def reservation_of(name: str) -> ReservationId:
    return ReservationId(_identifier(name, "reservations"))


def record_of(name: str) -> RecordId:
    return RecordId(_identifier(name, "records"))


def memory_of(name: str) -> MemoryId:
    return MemoryId(_identifier(name, "memories"))


def key_of(name: str) -> KeyId:
    return KeyId(_identifier(name, "keys"))


def dead_letter_of(name: str) -> DeadLetterId:
    return DeadLetterId(_identifier(name, "deadLetters"))


def capsule_of(name: str) -> tuple[str, str]:
    """The slug and the version of a capsule's name; the version is empty where there is none."""
    return _segment(name, "capsules"), _find(name, "versions") or ""


def collection_of(name: str) -> str:
    """What kind of thing a name is of: `turns` for `tenants/acme/sessions/…/turns/…`."""
    return name.split("/")[-2] if "/" in name else ""


def _find(name: str, collection: str) -> str | None:
    segments = name.split("/")
    for position in range(0, len(segments) - 1, 2):
        if segments[position] == collection:
            return segments[position + 1]
    return None


def _segment(name: str, collection: str) -> str:
    found = _find(name, collection)
    if not found:
        raise InvalidArgumentError("name", f"no part of {name[:200]!r} is of {collection}")
    return found


def _identifier(name: str, collection: str) -> UUID:
    try:
        return UUID(_segment(name, collection))
    except ValueError:
        message = f"{name[:200]!r} does not name one of {collection} by a UUID"
        raise InvalidArgumentError("name", message) from None
