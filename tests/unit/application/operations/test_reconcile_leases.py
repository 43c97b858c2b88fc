"""A pass is one server's: held, lost, given back."""

from asyncio import CancelledError, Event, create_task
from datetime import timedelta

import pytest

from application.operations.ports import BegunPass
from application.operations.reconcile import ReconcileResult
from domain.kernel.errors import StorageUnavailableError
from domain.operations.finding import OF_TENANT, Scope
from tests.unit.application.operations.passes import Service, TroubledBooks


@pytest.fixture
def service() -> Service:
    return Service()


async def test_a_pass_is_held_while_one_look_takes_long(service: Service) -> None:
    service.tenant(held=7)
    troubled = TroubledBooks(service.books)

    async def linger() -> None:
        service.clock.advance(service.books.lease.total_seconds() * 0.9)
        troubled.renewed.clear()
        await troubled.renewed.wait()
        service.clock.advance(service.books.lease.total_seconds() * 0.9)
        assert await service.books.begin(Scope.RECENT, timedelta(0)) is None

    troubled.looking = linger

    made = await service.reconcile(books=troubled)

    assert made == ReconcileResult(tenants=1, found=1)


@pytest.mark.parametrize("trouble", [StorageUnavailableError(), ValueError("broken")])
async def test_a_pass_is_held_though_renewals_fail(service: Service, trouble: Exception) -> None:
    service.tenant(held=7)
    troubled = TroubledBooks(service.books)

    async def linger() -> None:
        if not service.observer.unrenewals:
            troubled.unrenewable[:] = [trouble, trouble]
        troubled.renewed.clear()
        await troubled.renewed.wait()

    troubled.looking = linger

    made = await service.reconcile(books=troubled)

    assert made == ReconcileResult(tenants=1, found=1)
    assert service.observer.unrenewals == [(Scope.RECENT, trouble)] * 2


async def test_looks_that_find_nothing_write_nothing_down(service: Service) -> None:
    for held in (0, 7, 0):
        service.tenant(held=held)
    troubled = TroubledBooks(service.books)

    made = await service.reconcile(books=troubled)

    assert made == ReconcileResult(tenants=3, found=1)
    assert [len(findings) for findings in troubled.kept] == [1]


async def test_a_pass_that_was_lost_looks_at_no_other_tenant(service: Service) -> None:
    for _ in range(3):
        service.tenant()
    troubled, looks = TroubledBooks(service.books), list[BegunPass | None]()

    async def stand_still() -> None:
        if not looks:
            service.clock.advance(service.books.lease.total_seconds() + 1)
        looks.append(await service.books.begin(Scope.RECENT, timedelta(0)))

    troubled.looking = stand_still

    made = await service.reconcile(books=troubled)

    assert made == ReconcileResult(tenants=1, ended=False)
    assert len(looks) == len(OF_TENANT)


async def test_what_a_pass_finds_that_was_lost_is_not_written(service: Service) -> None:
    service.tenant(held=7)
    troubled = TroubledBooks(service.books)
    taken = list[BegunPass | None]()

    async def stand_still() -> None:
        if not taken:
            service.clock.advance(service.books.lease.total_seconds() + 1)
            taken.append(await service.books.begin(Scope.RECENT, timedelta(0)))

    troubled.looking = stand_still

    made = await service.reconcile(books=troubled)

    assert made == ReconcileResult(ended=False)
    (other,) = taken
    assert other is not None
    assert await service.books.end(other)
    assert service.books.findings == {}


async def test_a_pass_that_is_cancelled_is_given_back(service: Service) -> None:
    service.tenant(held=7)
    troubled, looking = TroubledBooks(service.books), Event()

    async def hang() -> None:
        looking.set()
        await Event().wait()

    troubled.looking = hang
    passing = create_task(service.reconcile(books=troubled))
    await looking.wait()

    passing.cancel()
    with pytest.raises(CancelledError):
        await passing

    assert await service.reconcile() == ReconcileResult(tenants=1, found=1)
