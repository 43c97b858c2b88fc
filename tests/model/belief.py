"""What the model knows: what servers believe they drive, and what clients were told."""

from dataclasses import dataclass, field

from domain.conversation.turn_event import Restarted, TextAdded, TurnEvent, TurnEventBody
from domain.kernel.identifiers import InvocationId, ReservationId, TurnId
from domain.tools.invocation import Invocation
from tests.contract.commands import Commands
from tests.fakes import NOON


@dataclass(slots=True, eq=False)
class Driver:
    """A turn as the server holds it that drives it, or believes so.

    `shown` is the last number that a client may have seen, up to which `void` says what nobody may
    rely on. One that is not `sure` of its lease shows nothing; it may write, and be refused.
    """

    ask: Commands
    server: int
    turn_id: TurnId
    fence: int
    ceiling: int
    shown: int
    void: tuple[int, int] | None = None
    round: int = 0
    step: int = 0
    sure: bool = True

    def unwritten(self, written: int, end: TurnEventBody | None = None) -> tuple[TurnEvent, ...]:
        """What it has to write above a number, and how the turn ends if it does."""
        events = list[TurnEvent]()
        if self.void is not None and written < self.void[1]:
            events.append(TurnEvent(self.void[1], NOON, Restarted(*self.void)))
            written = self.void[1]
        events += (
            TurnEvent(number, NOON, TextAdded("…")) for number in range(written + 1, self.shown + 1)
        )
        if end is not None:
            events.append(TurnEvent(self.shown + 1, NOON, end))
        return tuple(events)


@dataclass(slots=True, eq=False)
class Call:
    """A call that a client made by itself, as the server holds it that runs or recovers it."""

    invocation: Invocation
    server: int
    fence: int


@dataclass(slots=True)
class Belief:
    """`starts` counts for each call who was told to start it."""

    drivers: list[Driver] = field(default_factory=list[Driver])
    calls: list[Call] = field(default_factory=list[Call])
    accepted: dict[tuple[Commands, str], TurnId] = field(
        default_factory=dict[tuple[Commands, str], TurnId]
    )
    asker: dict[TurnId, Commands] = field(default_factory=dict[TurnId, Commands])
    ended: set[TurnId] = field(default_factory=set[TurnId])
    paused: dict[TurnId, InvocationId] = field(default_factory=dict[TurnId, InvocationId])
    reservations: list[ReservationId] = field(default_factory=list[ReservationId])
    starts: dict[InvocationId, int] = field(default_factory=dict[InvocationId, int])

    def started(self, call_id: InvocationId) -> None:
        self.starts[call_id] = self.starts.get(call_id, 0) + 1

    def drives(self, server: int, turn_id: TurnId) -> bool:
        return any((one.server, one.turn_id) == (server, turn_id) for one in self.drivers)
