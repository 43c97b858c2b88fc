"""What every use case needs of the machine: time, identifiers, canonical JSON."""

from dataclasses import dataclass

from adapters.canonical.canonical_json import Rfc8785Json
from adapters.system.clock import SystemClock
from adapters.system.identifiers import SystemIdentifiers
from application.kernel.ports import CanonicalJson, Clock, IdentifierSource


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    clock: Clock
    identifiers: IdentifierSource
    json: CanonicalJson


def this_system() -> System:
    return System(clock=SystemClock(), identifiers=SystemIdentifiers(), json=Rfc8785Json())
