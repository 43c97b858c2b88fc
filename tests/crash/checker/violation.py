"""What must not be found after a run."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The five numbers that close a run, in their order."""

    LOST = "lost"
    DOUBLED = "doubled"
    OVERSPENT = "overspent"
    STUCK = "stuck"
    LEAKED = "leaked"


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is not as it must be: which promise, and what exactly."""

    kind: Kind
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"
