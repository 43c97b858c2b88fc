"""What is tried again, and what rests at once."""

from datetime import timedelta

import pytest

from domain.budget.errors import BudgetExhaustedError
from domain.conversation.errors import SessionBusyError, SessionNotFoundError
from domain.delivery.errors import MessageUnreadableError
from domain.delivery.patience import patience_for
from domain.identity.errors import (
    CredentialExpiredError,
    CredentialRefusedError,
    RateExceededError,
    TenantSuspendedError,
)
from domain.kernel.errors import (
    IdempotencyKeyReusedError,
    InvalidArgumentError,
    StorageUnavailableError,
)
from domain.kernel.metering import Metric
from domain.kernel.resilience import TURN_DEADLINE
from entrypoints.grpc.refusals import OverloadedError, ShuttingDownError


@pytest.mark.parametrize(
    "error",
    [
        MessageUnreadableError("garbage"),
        InvalidArgumentError("text", "too long"),
        CredentialRefusedError(),
        CredentialExpiredError(),
        TenantSuspendedError("acme", "stopped"),
        SessionNotFoundError("x"),
        IdempotencyKeyReusedError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_will_not_pass_by_waiting_rests_at_once(error: Exception) -> None:
    assert patience_for(error).pause(1, 0.5) is None


@pytest.mark.parametrize(
    "error",
    [
        BudgetExhaustedError(Metric.TOKENS, account="x", asked=2, remaining=1),
        ValueError("a defect"),
    ],
    ids=["budget", "defect"],
)
def test_what_may_pass_is_tried_a_few_times(error: Exception) -> None:
    rule = patience_for(error)

    assert rule.pause(1, 0.5)
    assert rule.pause(100, 0.5) is None


@pytest.mark.parametrize(
    "error", [StorageUnavailableError(), OverloadedError(), ShuttingDownError()]
)
def test_what_says_nothing_of_the_message_lets_none_rest(error: Exception) -> None:
    assert patience_for(error).pause(10_000, 0.99)


@pytest.mark.parametrize("error", [SessionBusyError("x"), RateExceededError("acme", 1.0)])
def test_what_passes_surely_is_waited_for_longer_than_any_turn_takes(error: Exception) -> None:
    rule = patience_for(error)
    pauses = [rule.pause(failures, 0.999) for failures in range(1, 100)]

    waited = sum((pause for pause in pauses if pause is not None), timedelta(0))

    assert None in pauses
    assert waited > TURN_DEADLINE
