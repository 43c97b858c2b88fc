"""Balances: what fits, what is spent, and what the platform bears."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.budget.account import Account, AccountKind, Balance, percentage_passed, percentages_due
from domain.kernel.identifiers import TenantId
from tests.builders import OTHER_TENANT, TENANT

amounts = st.integers(0, 1000)
limits = st.none() | amounts


def test_the_tenants_own_account_is_the_tenant() -> None:
    assert Account(AccountKind.TENANT, str(TENANT)).id_in(TENANT) == TENANT


def test_an_account_is_another_in_another_tenant() -> None:
    ada = Account(AccountKind.USER, "ada")

    assert ada.id_in(TENANT) != ada.id_in(OTHER_TENANT)
    assert ada.id_in(TENANT) == ada.id_in(TenantId(UUID(str(TENANT))))


def test_accounts_of_two_kinds_differ() -> None:
    user, key = (Account(kind, "ada") for kind in (AccountKind.USER, AccountKind.KEY))

    assert user.id_in(TENANT) != key.id_in(TENANT)


def test_everything_fits_without_a_limit() -> None:
    balance = Balance(None, spent=10**15)

    assert balance.fits(10**12)
    assert balance.remaining is None


@pytest.mark.parametrize(("asked", "fits"), [(0, True), (600, True), (601, False)])
def test_what_is_spent_and_held_leaves_the_rest(*, asked: int, fits: bool) -> None:
    assert Balance(1000, spent=300, held=100).fits(asked) is fits


def test_a_settlement_frees_what_was_not_used() -> None:
    assert Balance(1000, held=100).settle(100, 40) == Balance(1000, spent=40)


def test_use_above_the_hold_takes_what_is_left() -> None:
    assert Balance(1000, held=100).settle(100, 1000) == Balance(1000, spent=1000, warned=95)


def test_use_above_the_limit_is_overrun() -> None:
    balance = Balance(1000, held=100).settle(100, 1200)

    assert (balance.spent, balance.overrun, balance.remaining) == (1200, 200, -200)


def test_all_use_above_a_hold_is_overrun_once_nothing_is_left() -> None:
    balance = Balance(1000, spent=1200, held=50, overrun=250).settle(50, 80)

    assert balance.overrun == 280


def test_a_limit_may_be_put_under_what_is_used() -> None:
    balance = Balance(1000, spent=300, held=200).limited(100)

    assert (balance.remaining, balance.excess, balance.overrun) == (-400, 400, 0)
    assert not balance.fits(1)


@given(limit=limits, steps=st.lists(st.tuples(amounts, amounts), max_size=12))
def test_no_sequence_of_settlements_passes_the_limit_but_by_overrun(
    limit: int | None, steps: list[tuple[int, int]]
) -> None:
    balance = Balance(limit)

    for asked, used in steps:
        if balance.fits(asked):
            balance = balance.hold(asked).settle(asked, used)

        assert balance.excess == 0
        assert balance.held == 0


@given(
    limit=amounts,
    lowered=amounts,
    held=amounts,
    used=amounts,
)
def test_a_lowered_limit_is_passed_no_further(
    limit: int, lowered: int, held: int, used: int
) -> None:
    before = Balance(limit).hold(min(held, limit)).limited(lowered)

    after = before.settle(min(held, limit), used)

    assert after.excess <= before.excess


@pytest.mark.parametrize(
    ("limit", "spent", "passed"),
    [(None, 99, 0), (100, 0, 0), (0, 0, 0), (100, 79, 0), (100, 80, 80), (100, 95, 95), (0, 1, 95)],
)
def test_the_highest_percentage_that_was_reached_counts(
    limit: int | None, spent: int, passed: int
) -> None:
    assert percentage_passed(limit, spent) == passed


def test_a_warning_is_not_taken_back_when_the_limit_is_raised() -> None:
    balance = Balance(100, held=90).settle(90, 90).limited(1000)

    assert balance.settle(0, 10).warned == 80


@pytest.mark.parametrize(
    ("told", "passed", "due"),
    [(0, 0, ()), (0, 80, (80,)), (0, 95, (80, 95)), (80, 95, (95,)), (95, 95, ())],
)
def test_every_percentage_is_told_once(told: int, passed: int, due: tuple[int, ...]) -> None:
    assert percentages_due(told, passed) == due
