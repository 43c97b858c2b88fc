"""What a sequence of steps has made so far, under the numbers by which steps name things."""

from dataclasses import dataclass, field
from typing import Final

from application.budget.ports import Limit
from domain.budget.account import Account, AccountKind, Hold, Use
from domain.conversation.turn import TurnState
from domain.kernel.identifiers import InvocationId, ReservationId, SessionId, TurnId
from domain.kernel.metering import Metric
from domain.tools.invocation import Invocation, InvocationState
from tests.contract.commands import Commands
from tests.contract.kernel import Kernel, Snapshot
from tests.differential import steps as do
from tests.fakes import CountingIdentifiers

METRICS: Final = (Metric.TOKENS, Metric.TOOL_CALLS)
USERS: Final = (None, "ada", "bob", "nobody")
LIMIT: Final = 700
ADA: Final = Account(AccountKind.USER, "ada")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a turn stands; a turn that nobody knows stands as a new one would."""

    fence: int = 1
    round: int = 0
    written: int = 0
    ceiling: int = 1000


@dataclass(slots=True)
class World:
    """Two tenants with some sessions each.

    `facts` are what each tenant has after the last step. Turns, calls and reservations are known
    with the tenant and session that they were asked for.
    """

    seats: tuple[tuple[Commands, ...], ...]
    facts: list[Snapshot] = field(default_factory=list[Snapshot])
    turns: list[tuple[Commands, TurnId]] = field(default_factory=list[tuple[Commands, TurnId]])
    calls: list[tuple[Commands, InvocationId]] = field(
        default_factory=list[tuple[Commands, InvocationId]]
    )
    reservations: list[tuple[Commands, ReservationId]] = field(
        default_factory=list[tuple[Commands, ReservationId]]
    )

    @classmethod
    def new(cls, identifiers: CountingIdentifiers, sessions_each: int) -> "World":
        def tenant() -> tuple[Commands, ...]:
            ask = Commands.fresh(identifiers)
            sessions = [SessionId(identifiers.next()) for _ in range(sessions_each)]
            return tuple(ask.in_session(session_id) for session_id in sessions)

        return cls(tuple(tenant() for _ in range(do.TENANTS)))

    async def furnish(self, kernel: Kernel) -> None:
        """Open the tenants and their sessions; in the first of them nobody may wait."""
        for sessions in self.seats:
            tenant_id = sessions[0].tenant_id
            await kernel.administrator.open_tenant(tenant_id)
            for account, amount in ((sessions[0].account, LIMIT), (ADA, LIMIT // 2)):
                for metric in METRICS:
                    limit = Limit(account, metric, amount)
                    await kernel.budgets.set_limit(
                        tenant_id, limit, etag="", request=sessions[0].request()
                    )
            for number, ask in enumerate(sessions):
                session = ask.session(max_waiting=2 if number else 0)
                await kernel.administrator.open_session(session)

    def facts_of(self, ask: Commands) -> Snapshot:
        return self.facts[[seats[0].tenant_id for seats in self.seats].index(ask.tenant_id)]

    def turn(self, number: int, first: TurnState) -> tuple[Commands, TurnId, Standing]:
        """A turn: those in a state come first, the newest first of all."""
        found = [
            (row.state is not first, row.state.final, -place, (ask, turn_id, row))
            for place, (ask, turn_id) in enumerate(self.turns)
            if (row := self.facts_of(ask).turns.get(turn_id)) is not None
        ]
        if not found:
            ask = self.seats[0][0]
            return ask, TurnId(ask.identifiers.next()), Standing()
        *_, (ask, turn_id, row) = sorted(found)[number % len(found)]
        return ask, turn_id, Standing(row.fence, row.round, row.written, row.ceiling)

    def call(self, number: int, first: InvocationState) -> tuple[Commands, InvocationId]:
        """A call: those in a state come first, the newest first of all."""
        found = [
            (row.state is not first, -place, (ask, call_id))
            for place, (ask, call_id) in enumerate(self.calls)
            if (row := self.facts_of(ask).invocations.get(call_id)) is not None
        ]
        if not found:
            ask = self.seats[0][0]
            return ask, InvocationId(ask.identifiers.next())
        return sorted(found)[number % len(found)][-1]

    def reservation(self, number: int) -> tuple[Commands, ReservationId]:
        """A reservation: those that are held come first, the newest first of all."""
        found = [
            (row.state, -place, (ask, reservation_id))
            for place, (ask, reservation_id) in enumerate(self.reservations)
            if (row := self.facts_of(ask).reservations.get(reservation_id)) is not None
        ]
        if not found:
            ask = self.seats[0][0]
            return ask, ReservationId(ask.identifiers.next())
        return sorted(found)[number % len(found)][-1]

    def session_of(self, turn_id: TurnId) -> SessionId | None:
        return next((ask.session_id for ask, known in self.turns if known == turn_id), None)

    def new_calls(
        self, ask: Commands, turn_id: TurnId | None, count: int, state: InvocationState
    ) -> list[Invocation]:
        calls = [ask.call(turn_id, state) for _ in range(count)]
        self.calls += [(ask, call.id) for call in calls]
        return calls


def holds_of(ask: Commands, amounts: tuple[do.Amount, ...]) -> tuple[Hold, ...]:
    return tuple(
        ask.hold(one.amount, METRICS[one.metric], user=USERS[one.account], required=one.required)
        for one in amounts
    )


def uses_of(amounts: tuple[do.Amount, ...]) -> tuple[Use, ...]:
    return tuple(Use(METRICS[one.metric], one.amount, 1) for one in amounts)
