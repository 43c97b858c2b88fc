"""How the holds of one reservation are granted and settled: all of them or none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from domain.budget.account import Balance, Hold, Use
from domain.budget.errors import AccountNotFoundError, BudgetExhaustedError
from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import AccountId
from domain.kernel.metering import LEVEL_METRICS, MAX_AMOUNT, Metric

Place = tuple[AccountId, Metric]
"""Names one balance of a period."""


@dataclass(frozen=True, slots=True)
class Granted:
    """`balances` are those that changed; `holds` those that bind: the others were passed over."""

    balances: Mapping[Place, Balance]
    holds: tuple[Hold, ...]


def merged(holds: Iterable[Hold]) -> tuple[Hold, ...]:
    """One hold for each account and metric, in the order in which they are first named.

    Raises:
        InvalidArgumentError: An amount, or a sum of them, is not in 0 to `MAX_AMOUNT`; or a metric
            is a level.
    """
    found: dict[Place, Hold] = {}
    for hold in holds:
        check_sum("holds", hold.metric)
        place = hold.account_id, hold.metric
        known = found.get(place)
        found[place] = hold if known is None else _joined(known, hold)
        _check("holds", hold.amount, found[place].amount)
    return tuple(found.values())


def _joined(one: Hold, other: Hold) -> Hold:
    return replace(one, amount=one.amount + other.amount, required=one.required or other.required)


def summed(uses: Iterable[Use]) -> tuple[Use, ...]:
    """One use for each metric, at the newest of its price versions, in the order first named.

    Raises:
        InvalidArgumentError: An amount, or a sum of them, is not in 0 to `MAX_AMOUNT`; or a metric
            is a level.
    """
    found: dict[Metric, Use] = {}
    for use in uses:
        check_sum("uses", use.metric)
        known = found.get(use.metric)
        total = use if known is None else _added(known, use)
        _check("uses", use.amount, total.amount)
        found[use.metric] = total
    return tuple(found.values())


def _added(one: Use, other: Use) -> Use:
    version = max(one.price_version, other.price_version)
    return Use(one.metric, one.amount + other.amount, version)


def check_sum(field: str, metric: Metric) -> None:
    """Whether a metric may be held and settled.

    Raises:
        InvalidArgumentError: It is a level: it follows what there is, and no period resets it.
    """
    if metric in LEVEL_METRICS:
        raise InvalidArgumentError(field, f"{metric} is a level, which is not held or settled")


def _check(field: str, amount: int, total: int) -> None:
    if amount < 0 or total > MAX_AMOUNT:
        raise InvalidArgumentError(field, f"an amount must be 0 to {MAX_AMOUNT}")


def check_limit(amount: int | None) -> None:
    """Whether an amount may be a limit.

    Raises:
        InvalidArgumentError: It is not in 0 to `MAX_AMOUNT`, nor unlimited.
    """
    if amount is not None:
        _check("limit", amount, amount)


def reserve_all(balances: Mapping[Place, Balance], holds: Iterable[Hold]) -> Granted | Hold:
    """Hold everything or nothing; the first hold that does not fit, or that finds no balance.

    `holds` are `merged`. One that is not required and finds no balance is passed over.
    """
    changed: dict[Place, Balance] = {}
    binding: list[Hold] = []
    for hold in holds:
        place = hold.account_id, hold.metric
        balance = balances.get(place)
        if balance is None and not hold.required:
            continue
        if balance is None or not balance.fits(hold.amount):
            return hold
        changed[place] = balance.hold(hold.amount)
        binding.append(replace(hold, required=False))
    return Granted(changed, tuple(binding))


def refusal_of(hold: Hold, remaining: int | None) -> BudgetExhaustedError | AccountNotFoundError:
    """Why a hold was refused: what its account had left, or None where there is no balance."""
    account = str(hold.account_id)
    if remaining is None:
        return AccountNotFoundError(account, hold.metric)
    return BudgetExhaustedError(
        hold.metric, account=account, asked=hold.amount, remaining=remaining
    )


def unheld(
    balances: Mapping[Place, Balance], holds: Sequence[Hold], uses: Iterable[Use], own: AccountId
) -> tuple[Hold, ...]:
    """Holds of nothing for what was used of metrics that none of the `holds` is of.

    One in the tenant's own account and one in every other of the `holds`, where it has a balance
    for the metric: settled with these too, what was not foreseen counts as what was.
    """
    held = {hold.metric for hold in holds}
    accounts = dict.fromkeys((own, *(hold.account_id for hold in holds)))
    return tuple(
        Hold(account_id, use.metric, 0)
        for use in uses
        if use.amount and use.metric not in held
        for account_id in accounts
        if (account_id, use.metric) in balances
    )


def settle_all(
    balances: Mapping[Place, Balance], holds: Iterable[Hold], uses: Iterable[Use]
) -> Mapping[Place, Balance]:
    """The changed balances, each hold being settled with what was used of its metric; never fails.

    `holds` are `merged`, with those that are `unheld`, `uses` are `summed`.
    """
    used = {use.metric: use.amount for use in uses}
    return {
        (hold.account_id, hold.metric): balances[hold.account_id, hold.metric].settle(
            hold.amount, used.get(hold.metric, 0)
        )
        for hold in holds
    }


def release_all(
    balances: Mapping[Place, Balance], holds: Iterable[Hold]
) -> Mapping[Place, Balance]:
    """The changed balances after `merged` holds were given back."""
    return {
        (hold.account_id, hold.metric): balances[hold.account_id, hold.metric].release(hold.amount)
        for hold in holds
    }
