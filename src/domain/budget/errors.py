"""Refusals of the budget context."""

from domain.kernel.errors import ExhaustedError, NotFoundError, PreconditionError, Resource


class BudgetExhaustedError(ExhaustedError):
    reason = "BUDGET_EXHAUSTED"

    def __init__(self, metric: str, *, account: str, asked: int, remaining: int) -> None:
        super().__init__(
            f"{asked} {metric} asked for, {max(0, remaining)} remain",
            metric=metric,
            account=account,
            asked=str(asked),
            remaining=str(remaining),
        )


class AccountNotFoundError(NotFoundError):
    reason = "ACCOUNT_NOT_FOUND"

    def __init__(self, account: str, metric: str) -> None:
        super().__init__(f"no {metric} limit is set for this account", account=account)
        self.resource = Resource("account", account)


class ReservationNotFoundError(NotFoundError):
    reason = "RESERVATION_NOT_FOUND"

    def __init__(self, reservation: str) -> None:
        super().__init__(f"there is no reservation {reservation}", reservation=reservation)
        self.resource = Resource("reservation", reservation)


class ReservationEndedError(PreconditionError):
    reason = "RESERVATION_ENDED"

    def __init__(self, reservation: str, state: str) -> None:
        super().__init__(
            f"the reservation was ended before: {state}", reservation=reservation, state=state
        )
