"""The budget's use cases on budgets in process memory."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import pytest

from adapters.canonical.canonical_json import Rfc8785Json
from adapters.inmemory.budgets import InMemoryBudgets
from adapters.inmemory.store import InMemoryStore
from application.budget.gate_budget import GateBudget, GateBudgetCommand
from application.budget.list_limits import ListLimits, ListLimitsQuery
from application.budget.ports import Limit
from application.budget.read_usage import ReadUsage, ReadUsageQuery
from application.budget.release_expired import ReleaseExpired
from application.budget.release_reservation import ReleaseReservation, ReleaseReservationCommand
from application.budget.set_limit import SetLimit, SetLimitCommand
from application.budget.settle_budget import SettleBudget, SettleBudgetCommand
from application.kernel.audit import Audit
from domain.budget.account import Account, AccountKind
from domain.budget.errors import AccountNotFoundError, BudgetExhaustedError
from domain.budget.events import UsageLine, UsageRecorded
from domain.budget.quantity import Quantity
from domain.budget.reservation import Reservation, ReservationState
from domain.kernel.errors import IdempotencyKeyReusedError, InvalidArgumentError
from domain.kernel.identifiers import RequestId
from domain.kernel.metering import LEVEL_METRICS, Metric
from tests.builders import OTHER_TENANT, TENANT, principal
from tests.doubles import NotedLosses
from tests.fakes import CountingIdentifiers, StoppedClock

OWN = Account(AccountKind.TENANT, str(TENANT))
ADA = Account(AccountKind.USER, "ada")


@dataclass(slots=True)
class Budgeting:
    """A tenant with 1,000 tokens and 100 vector operations, of which ada may use 50 tokens."""

    clock: StoppedClock = field(default_factory=StoppedClock)
    identifiers: CountingIdentifiers = field(default_factory=CountingIdentifiers)
    budgets: InMemoryBudgets = field(init=False)
    gate: GateBudget = field(init=False)
    settle: SettleBudget = field(init=False)

    def __post_init__(self) -> None:
        self.budgets = InMemoryBudgets(store=InMemoryStore(), clock=self.clock)
        self.gate = GateBudget(budgets=self.budgets, identifiers=self.identifiers)
        self.settle = SettleBudget(
            budgets=self.budgets, clock=self.clock, identifiers=self.identifiers
        )

    async def limit(
        self, limit: Limit, *, etag: str = "", request_id: str | None = None, actor: str = "ada"
    ) -> Limit:
        set_limit = SetLimit(
            budgets=self.budgets,
            canonical=Rfc8785Json(),
            audit=Audit(clock=self.clock, identifiers=self.identifiers),
        )
        return await set_limit(
            SetLimitCommand(
                principal=principal(tenant_id=TENANT, subject=actor),
                tenant_id=TENANT,
                tenant="acme",
                limit=limit,
                etag=etag,
                request_id=RequestId(request_id or str(self.identifiers.next())),
            )
        )

    async def held(
        self,
        *quantities: Quantity,
        accounts: tuple[Account, ...] = (),
        request_id: str = "r",
        digest: bytes = b"content",
    ) -> Reservation:
        return await self.gate(
            GateBudgetCommand(
                tenant_id=TENANT,
                quantities=quantities,
                accounts=accounts,
                seconds=60.0,
                request_id=RequestId(request_id),
                digest=digest,
            )
        )


@pytest.fixture
async def budgeting() -> Budgeting:
    made = Budgeting()
    for limit in (
        Limit(OWN, Metric.TOKENS, 1000),
        Limit(OWN, Metric.VECTOR_OPS, 100),
        Limit(ADA, Metric.TOKENS, 50),
    ):
        await made.limit(limit)
    return made


class TestGateBudget:
    async def test_holds_in_the_tenants_account_and_in_those_named(
        self, budgeting: Budgeting
    ) -> None:
        reservation = await budgeting.held(Quantity(Metric.TOKENS, 40), accounts=(ADA, OWN))

        assert {(hold.account_id, hold.amount) for hold in reservation.holds} == {
            (OWN.id_in(TENANT), 40),
            (ADA.id_in(TENANT), 40),
        }

    async def test_refuses_what_does_not_fit_one_of_them(self, budgeting: Budgeting) -> None:
        with pytest.raises(BudgetExhaustedError):
            await budgeting.held(Quantity(Metric.TOKENS, 51), accounts=(ADA,))

    async def test_refuses_a_metric_that_the_tenant_has_no_limit_for(
        self, budgeting: Budgeting
    ) -> None:
        with pytest.raises(AccountNotFoundError):
            await budgeting.held(Quantity(Metric.IMAGES, 1))

    async def test_never_refuses_a_metric_that_is_not_checked_before_use(
        self, budgeting: Budgeting
    ) -> None:
        reservation = await budgeting.held(Quantity(Metric.VECTOR_OPS, 5000))

        assert [hold.amount for hold in reservation.holds] == [0]

    @pytest.mark.parametrize("level", sorted(LEVEL_METRICS))
    async def test_refuses_a_level(self, budgeting: Budgeting, level: Metric) -> None:
        with pytest.raises(InvalidArgumentError) as refusal:
            await budgeting.held(Quantity(Metric.TOKENS, 1), Quantity(level, 1))

        assert refusal.value.facts["field"] == "amounts"

    async def test_holds_once_per_request_id(self, budgeting: Budgeting) -> None:
        first = await budgeting.held(Quantity(Metric.TOKENS, 40))

        assert await budgeting.held(Quantity(Metric.TOKENS, 40)) == first
        with pytest.raises(IdempotencyKeyReusedError):
            await budgeting.held(Quantity(Metric.TOKENS, 41), digest=b"other")

    async def test_refuses_to_hold_nothing(self, budgeting: Budgeting) -> None:
        with pytest.raises(InvalidArgumentError):
            await budgeting.held()

    @pytest.mark.parametrize("amount", [-1, 10**12 + 1])
    def test_is_asked_for_amounts_in_range_alone(self, amount: int) -> None:
        with pytest.raises(InvalidArgumentError):
            Quantity(Metric.VECTOR_OPS, amount)


class TestEnds:
    async def test_a_settlement_is_shown_with_its_list_price(self, budgeting: Budgeting) -> None:
        reservation = await budgeting.held(Quantity(Metric.TOKENS, 40))
        settled = await budgeting.settle(
            SettleBudgetCommand(
                principal=principal(),
                tenant_id=TENANT,
                tenant="acme",
                reservation_id=reservation.id,
                used=(Quantity(Metric.TOKENS, 30),),
            )
        )

        read = ReadUsage(budgets=budgeting.budgets)
        tokens, operations = await read(ReadUsageQuery(tenant_id=TENANT, account=OWN))

        assert settled.state is ReservationState.SETTLED
        *_, recorded = [one.event for one in budgeting.budgets.store.outbox[TENANT, TENANT]]
        assert isinstance(recorded, UsageRecorded)
        assert recorded.lines == (UsageLine(Metric.TOKENS, 30, 1, 3000),)
        assert recorded.reference == settled.id
        assert (tokens.usage.balance.spent, tokens.usd) == (30, Decimal("0.003"))
        assert (operations.usage.metric, operations.usd) == (Metric.VECTOR_OPS, Decimal(0))

    async def test_what_was_not_used_is_not_billed(self, budgeting: Budgeting) -> None:
        reservation = await budgeting.held(Quantity(Metric.TOKENS, 40))
        before = len(budgeting.budgets.store.outbox[TENANT, TENANT])
        await budgeting.settle(
            SettleBudgetCommand(
                principal=principal(),
                tenant_id=TENANT,
                tenant="acme",
                reservation_id=reservation.id,
                used=(Quantity(Metric.TOKENS, 0),),
            )
        )

        assert len(budgeting.budgets.store.outbox[TENANT, TENANT]) == before

    async def test_a_release_frees_the_hold(self, budgeting: Budgeting) -> None:
        reservation = await budgeting.held(Quantity(Metric.TOKENS, 1000))
        await ReleaseReservation(budgets=budgeting.budgets)(
            ReleaseReservationCommand(tenant_id=TENANT, reservation_id=reservation.id)
        )

        again = await budgeting.held(Quantity(Metric.TOKENS, 1000), request_id="again")

        assert again.state is ReservationState.HELD

    async def test_what_nobody_ended_in_time_is_released_and_counted(
        self, budgeting: Budgeting
    ) -> None:
        await budgeting.held(Quantity(Metric.TOKENS, 1000))
        budgeting.clock.advance(24 * 3600)
        losses = NotedLosses()
        release = ReleaseExpired(budgets=budgeting.budgets, observer=losses)

        assert [await release(9), await release(9)] == [1, 0]

        assert losses.reservations == 1
        again = await budgeting.held(Quantity(Metric.TOKENS, 1000), request_id="again")
        assert again.state is ReservationState.HELD


class TestMonths:
    async def test_begin_with_the_whole_limit(self, budgeting: Budgeting) -> None:
        await budgeting.held(Quantity(Metric.TOKENS, 1000))
        budgeting.clock.advance(31 * 24 * 3600)

        await budgeting.held(Quantity(Metric.TOKENS, 1000), request_id="next month")

    async def test_settle_what_they_held(self, budgeting: Budgeting) -> None:
        reservation = await budgeting.held(Quantity(Metric.TOKENS, 100))
        budgeting.clock.advance(31 * 24 * 3600)

        await budgeting.settle(
            SettleBudgetCommand(
                principal=principal(),
                tenant_id=TENANT,
                tenant="acme",
                reservation_id=reservation.id,
                used=(Quantity(Metric.TOKENS, 30),),
            )
        )

        read = ReadUsage(budgets=budgeting.budgets)
        before, _ = await read(
            ReadUsageQuery(tenant_id=TENANT, account=OWN, period=date(2026, 11, 1))
        )
        now, _ = await read(ReadUsageQuery(tenant_id=TENANT, account=OWN))
        assert (before.usage.balance.spent, now.usage.balance.spent) == (30, 0)


class TestLimits:
    async def test_are_listed_of_one_account(self, budgeting: Budgeting) -> None:
        listed = await ListLimits(budgets=budgeting.budgets)(
            ListLimitsQuery(tenant_id=TENANT, account=ADA)
        )

        assert listed == [Limit(ADA, Metric.TOKENS, 50)]

    async def test_are_not_set_for_another_tenants_own_account(self, budgeting: Budgeting) -> None:
        stranger = Account(AccountKind.TENANT, str(OTHER_TENANT))

        with pytest.raises(InvalidArgumentError):
            await budgeting.limit(Limit(stranger, Metric.TOKENS, 1))

    @pytest.mark.parametrize(
        ("limit", "etag", "actor"),
        [
            (Limit(ADA, Metric.TOKENS, 70), "", "ada"),
            (Limit(ADA, Metric.TOKENS, 60), "1", "ada"),
            (Limit(ADA, Metric.TOKENS, 60), "", "bob"),
        ],
    )
    async def test_are_set_once_under_a_request_id_of_one_content_and_actor(
        self, budgeting: Budgeting, limit: Limit, etag: str, actor: str
    ) -> None:
        asked = Limit(ADA, Metric.TOKENS, 60)
        first = await budgeting.limit(asked, request_id="r")

        assert await budgeting.limit(asked, request_id="r") == first
        with pytest.raises(IdempotencyKeyReusedError):
            await budgeting.limit(limit, etag=etag, request_id="r", actor=actor)
