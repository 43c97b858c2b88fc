"""What one relay remembers between its passes."""

from asyncio import Task
from collections.abc import Mapping
from dataclasses import dataclass, field

from application.delivery.absences import Absences, Key
from application.delivery.ports.outbox import HeldBucket, Place
from domain.delivery.dead_letter import Attempt
from domain.delivery.outgoing_event import OutgoingEvent
from domain.kernel.identifiers import EventId


@dataclass(frozen=True, slots=True)
class Troubled:
    """The event that stands at the head of its key and failed: how often, and when it is due."""

    event_id: EventId
    attempts: tuple[Attempt, ...]
    due_at: float


@dataclass(slots=True, eq=False)
class RelayState:
    """Nothing of it must outlive the process: who takes the buckets begins with what is unmarked.

    Times are those of the monotonic clock. `goes_on` says whether anything was begun, or is under
    way, of the pages since the first.
    """

    held: Mapping[int, HeldBucket] = field(default_factory=dict[int, HeldBucket])
    held_until: float = 0.0
    renew_at: float = 0.0
    page_ended: Place | None = None
    goes_on: bool = False
    rest_until: float = 0.0
    underway: dict[Key, Task[None]] = field(default_factory=dict[Key, Task[None]])
    troubled: dict[Key, Troubled] = field(default_factory=dict[Key, Troubled])
    unmarked: list[tuple[OutgoingEvent, HeldBucket]] = field(
        default_factory=list[tuple[OutgoingEvent, HeldBucket]]
    )
    absences: Absences = field(default_factory=Absences)
    away: str = ""
    away_times: int = 0
    away_until: float = 0.0
    stopping: bool = False
