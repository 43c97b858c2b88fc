"""Resource names in published facts, as the API calls the same things."""

from functools import lru_cache

from domain.kernel.identifiers import InvocationId, RecordId, ReservationId, SessionId, TurnId


@lru_cache(maxsize=1024)  # a turn's facts come close together
def turn(tenant: str, session_id: SessionId, turn_id: TurnId) -> str:
    return f"tenants/{tenant}/sessions/{session_id}/turns/{turn_id}"


def invocation(tenant: str, invocation_id: InvocationId) -> str:
    return f"tenants/{tenant}/invocations/{invocation_id}"


def reservation(tenant: str, reservation_id: ReservationId) -> str:
    return f"tenants/{tenant}/reservations/{reservation_id}"


def capsule_version(tenant: str, capsule: str, version: str) -> str:
    return f"tenants/{tenant}/capsules/{capsule}/versions/{version}"


def record(tenant: str, record_id: RecordId) -> str:
    return f"tenants/{tenant}/records/{record_id}"
