"""What a subject says of an answer."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from domain.kernel.identifiers import TenantId, TurnId


class Rating(IntEnum):
    """How good an answer was; the numbers are stored."""

    GOOD = 1
    BAD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """A subject has one word on a turn: the last. `comment` may be empty."""

    tenant_id: TenantId
    turn_id: TurnId
    subject: str
    rating: Rating
    comment: str
    created_at: datetime
