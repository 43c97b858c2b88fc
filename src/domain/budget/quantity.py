"""How much of a metric."""

from dataclasses import dataclass

from domain.kernel.errors import InvalidArgumentError
from domain.kernel.metering import MAX_AMOUNT, Metric


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount in the metric's base units.

    Raises:
        InvalidArgumentError: The amount is not in 0 to `MAX_AMOUNT`.
    """

    metric: Metric
    amount: int

    def __post_init__(self) -> None:
        if not 0 <= self.amount <= MAX_AMOUNT:
            raise InvalidArgumentError(self.metric, f"an amount must be 0 to {MAX_AMOUNT}")
