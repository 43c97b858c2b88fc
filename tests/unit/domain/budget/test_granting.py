"""Holds of one reservation: merged, granted together, settled together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.budget.account import Account, AccountKind, Balance, Hold, Use
from domain.budget.errors import AccountNotFoundError, BudgetExhaustedError
from domain.budget.granting import (
    Granted,
    check_limit,
    merged,
    refusal_of,
    release_all,
    reserve_all,
    settle_all,
    summed,
    unheld,
)
from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import AccountId
from domain.kernel.metering import LEVEL_METRICS, MAX_AMOUNT, Metric
from tests.builders import TENANT, hold, use

OWN = AccountId(TENANT)
ADA = Account(AccountKind.USER, "ada").id_in(TENANT)
PLACES = [(account, metric) for account in (OWN, ADA) for metric in (Metric.TOKENS, Metric.IMAGES)]
holds = st.builds(
    Hold,
    account_id=st.sampled_from((OWN, ADA)),
    metric=st.sampled_from((Metric.TOKENS, Metric.IMAGES)),
    amount=st.integers(0, 500),
)


def test_holds_of_one_account_and_metric_become_one() -> None:
    found = merged([hold(10), hold(20, account_id=ADA), hold(5, required=True)])

    assert found == (hold(15, required=True), hold(20, account_id=ADA))


@pytest.mark.parametrize("amounts", [(-1,), (MAX_AMOUNT + 1,), (MAX_AMOUNT, 1)])
def test_amounts_out_of_range_are_refused(amounts: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgumentError):
        merged([hold(amount) for amount in amounts])
    with pytest.raises(InvalidArgumentError):
        summed([use(amount) for amount in amounts])


@pytest.mark.parametrize("level", sorted(LEVEL_METRICS))
def test_levels_are_neither_held_nor_settled(level: Metric) -> None:
    with pytest.raises(InvalidArgumentError) as of_holds:
        merged([hold(1), Hold(OWN, level, 0)])
    with pytest.raises(InvalidArgumentError) as of_uses:
        summed([use(1), Use(level, 0, 1)])

    assert (of_holds.value.facts["field"], of_uses.value.facts["field"]) == ("holds", "uses")


def test_uses_of_one_metric_become_one_at_the_newest_price() -> None:
    found = summed([Use(Metric.TOKENS, 10, 1), Use(Metric.TOKENS, 5, 2), Use(Metric.IMAGES, 1, 1)])

    assert found == (Use(Metric.TOKENS, 15, 2), Use(Metric.IMAGES, 1, 1))


def test_a_grant_holds_in_every_account() -> None:
    balances = {(OWN, Metric.TOKENS): Balance(100), (ADA, Metric.TOKENS): Balance(60)}

    granted = reserve_all(balances, (hold(60), hold(60, account_id=ADA)))

    assert isinstance(granted, Granted)
    assert {place: one.held for place, one in granted.balances.items()} == dict.fromkeys(
        balances, 60
    )


def test_the_first_hold_that_does_not_fit_is_told() -> None:
    balances = {(OWN, Metric.TOKENS): Balance(100), (ADA, Metric.TOKENS): Balance(50)}
    asked = (hold(60), hold(60, account_id=ADA), hold(500))

    assert reserve_all(balances, asked) == asked[1]


def test_an_account_without_a_balance_is_passed_over() -> None:
    granted = reserve_all({(OWN, Metric.TOKENS): Balance(100)}, (hold(60), hold(9, account_id=ADA)))

    assert isinstance(granted, Granted)
    assert granted.holds == (hold(60),)


def test_a_required_account_without_a_balance_is_refused() -> None:
    asked = hold(0, required=True)

    assert reserve_all({}, (asked,)) == asked
    assert isinstance(refusal_of(asked, None), AccountNotFoundError)


def test_a_refusal_tells_what_was_left() -> None:
    refusal = refusal_of(hold(60), -5)

    assert isinstance(refusal, BudgetExhaustedError)
    assert refusal.facts["remaining"] == "-5"


@pytest.mark.parametrize("amount", [None, 0, MAX_AMOUNT])
def test_a_limit_may_be_anything_in_range(amount: int | None) -> None:
    check_limit(amount)


@given(limit=st.integers(0, 800), asked=st.lists(holds, max_size=8))
def test_all_are_held_or_none(limit: int, asked: list[Hold]) -> None:
    balances = dict.fromkeys(PLACES, Balance(limit))
    wanted = merged(asked)

    granted = reserve_all(balances, wanted)

    if isinstance(granted, Hold):
        assert granted.amount > limit
    else:
        assert granted.holds == wanted
        assert all(balance.excess == 0 for balance in granted.balances.values())
        back = release_all(granted.balances, granted.holds)
        assert all(balance == Balance(limit) for balance in back.values())


def test_what_was_not_held_is_over_a_hold_of_nothing_in_every_account_with_a_balance() -> None:
    key = Account(AccountKind.KEY, "key").id_in(TENANT)
    images = {(account, Metric.IMAGES): Balance(500) for account in (OWN, ADA)}
    asked = (hold(60, account_id=key), hold(60, account_id=ADA))
    used = (use(9), Use(Metric.IMAGES, 7, 1), Use(Metric.LEARNING, 1, 1))

    added = unheld(images, asked, used, OWN)

    assert added == (Hold(OWN, Metric.IMAGES, 0), Hold(ADA, Metric.IMAGES, 0))
    assert unheld(images, asked, (Use(Metric.IMAGES, 0, 1),), OWN) == ()
    assert unheld(images, asked, (use(9),), OWN) == ()


@given(asked=st.lists(holds, max_size=8), used=st.integers(0, 900))
def test_every_account_spends_what_was_used_of_its_metric(asked: list[Hold], used: int) -> None:
    granted = reserve_all(dict.fromkeys(PLACES, Balance(None)), merged(asked))
    assert isinstance(granted, Granted)

    settled = settle_all(granted.balances, granted.holds, (use(used),))

    for (_, metric), balance in settled.items():
        assert (balance.spent, balance.held) == (used if metric is Metric.TOKENS else 0, 0)
