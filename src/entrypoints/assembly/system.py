"""What every use case needs of the machine: time, identifiers, canonical JSON."""

from dataclasses import dataclass
from datetime import timedelta

from adapters.canonical.canonical_json import Rfc8785Json
from adapters.system.clock import ShiftedClock, SystemClock
from adapters.system.identifiers import SystemIdentifiers
from application.kernel.ports import CanonicalJson, Clock, IdentifierSource


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    clock: Clock
    identifiers: IdentifierSource
    json: CanonicalJson


def this_system(ahead_seconds: float = 0.0) -> System:
    """The machine; `ahead_seconds` is how far its clock is to be wrong, in mode test."""
    clock = ShiftedClock(timedelta(seconds=ahead_seconds)) if ahead_seconds else SystemClock()
    return System(clock=clock, identifiers=SystemIdentifiers(ahead_seconds), json=Rfc8785Json())
