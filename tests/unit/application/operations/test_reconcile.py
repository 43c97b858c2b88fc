"""Passes over the books: what is found, repaired, left, and over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from application.operations.reconcile import (
    TENANTS,
    ReconcileResult,
    Unchecked,
)
from domain.kernel.errors import StorageUnavailableError
from domain.operations.finding import FindingKind, Look, Scope
from tests.unit.application.operations.passes import DAY, Service, TroubledBooks


@pytest.fixture
def service() -> Service:
    return Service()


async def test_every_tenant_is_looked_at(service: Service) -> None:
    wrong = [service.tenant(held=1 if number % 100 == 0 else 0) for number in range(TENANTS + 1)]

    made = await service.reconcile()

    assert made == ReconcileResult(tenants=TENANTS + 1, found=3, repaired=0)
    assert {one.tenant_id for one in service.books.findings.values()} == set(wrong[::100])


async def test_what_is_safe_is_repaired_when_that_is_asked_for(service: Service) -> None:
    service.tenant(held=7)

    made = await service.reconcile(repair=True)

    assert made == ReconcileResult(tenants=1, found=1, repaired=1)
    assert [balance.held for balance in service.store.balances.values()] == [0]
    assert [one.repaired for one in service.books.findings.values()] == [True]


async def test_what_is_not_seen_again_is_over(service: Service) -> None:
    tenant_id = service.tenant(held=7)
    await service.reconcile()
    await service.books.repair_held(tenant_id)

    await service.reconcile(every=timedelta(0))

    assert service.books.findings == {}


async def test_what_a_look_at_everything_found_is_over_when_the_next_one_does_not(
    service: Service,
) -> None:
    service.tenant()
    for place, balance in service.store.balances.items():
        service.store.balances[place] = replace(balance, spent=7)
    await service.reconcile(Scope.WHOLE)
    await service.reconcile(Scope.RECENT)
    between = [one.kind for one in service.books.findings.values()]
    for place, balance in service.store.balances.items():
        service.store.balances[place] = replace(balance, spent=0)

    await service.reconcile(Scope.WHOLE, every=timedelta(0))

    assert between == [FindingKind.SPENT_UNEQUAL]
    assert service.books.findings == {}


@pytest.mark.parametrize("trouble", [StorageUnavailableError(), ValueError("no such metric")])
async def test_a_look_that_fails_keeps_no_other_waiting(
    service: Service, trouble: Exception
) -> None:
    wrong = [service.tenant(held=7) for _ in range(3)]
    await service.reconcile()
    known = service.books.findings.copy()
    await service.books.repair_held(wrong[2])

    troubled = TroubledBooks(service.books, trouble, of=wrong[0])
    made = await service.reconcile(every=timedelta(0), books=troubled)

    unchecked = Unchecked(Look.ACCOUNTS, wrong[0])
    assert made == ReconcileResult(tenants=3, found=1, repaired=0, unchecked=(unchecked,))
    assert service.observer.failed == [(Look.ACCOUNTS, wrong[0], trouble)]
    assert {one.tenant_id for one in known.values()} == set(wrong)
    assert {one.tenant_id for one in service.books.findings.values()} == {wrong[0], wrong[1]}


async def test_what_is_overdue_is_one_look_of_several(service: Service) -> None:
    service.tenant(held=7)
    troubled = TroubledBooks(service.books, ValueError("broken"), Look.OVERDUE)

    made = await service.reconcile(books=troubled)

    assert made is not None
    assert (made.found, made.unchecked) == (1, (Unchecked(Look.OVERDUE, None),))


async def test_a_look_that_fails_lets_what_others_found_be_over(service: Service) -> None:
    tenant_id = service.tenant(held=7)
    await service.reconcile()
    await service.books.repair_held(tenant_id)

    troubled = TroubledBooks(service.books, ValueError("broken"), Look.TURNS, tenant_id)
    await service.reconcile(every=timedelta(0), books=troubled)

    assert service.books.findings == {}


async def test_a_pass_that_is_not_due_is_not_made(service: Service) -> None:
    await service.reconcile()

    assert await service.reconcile() is None

    service.clock.advance(DAY.total_seconds())
    assert await service.reconcile() is not None
