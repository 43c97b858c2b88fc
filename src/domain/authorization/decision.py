"""A decision about what somebody may do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """Allow or deny, by which rule, and why. Only a rule can allow; an error never does."""

    allowed: bool
    permission: str
    rule: str
    reason: str = ""
