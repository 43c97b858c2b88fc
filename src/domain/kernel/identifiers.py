"""Identifiers that cross bounded contexts."""

from typing import NewType
from uuid import UUID

TenantId = NewType("TenantId", UUID)
KeyId = NewType("KeyId", UUID)
AccountId = NewType("AccountId", UUID)
ReservationId = NewType("ReservationId", UUID)
SessionId = NewType("SessionId", UUID)
TurnId = NewType("TurnId", UUID)
MessageId = NewType("MessageId", UUID)
InvocationId = NewType("InvocationId", UUID)
StartId = NewType("StartId", UUID)
CapsuleVersionId = NewType("CapsuleVersionId", UUID)
RecordId = NewType("RecordId", UUID)
MemoryId = NewType("MemoryId", UUID)
EventId = NewType("EventId", UUID)
DeadLetterId = NewType("DeadLetterId", UUID)
ServerId = NewType("ServerId", UUID)

RequestId = NewType("RequestId", str)
"""Names one intent of a caller: a UUID in text, chosen by the caller."""
