"""How refusals look on the wire."""

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import (
    BadRequest,
    ErrorInfo,
    PreconditionFailure,
    QuotaFailure,
    ResourceInfo,
    RetryInfo,
)
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from domain.budget.errors import BudgetExhaustedError, ReservationEndedError
from domain.conversation.errors import SessionNotFoundError
from domain.identity.errors import RateExceededError
from domain.kernel import errors
from domain.kernel.errors import DomainError, InvalidArgumentError, Violation
from domain.tools.errors import ToolArgumentsInvalidError
from entrypoints.grpc.errors import (
    CODES,
    RETRY_PUSHBACK,
    STATUS_DETAILS,
    code_of,
    defect_status,
    message_of,
    status_of,
    trailers_of,
)
from entrypoints.grpc.refusals import OverloadedError


def detail(status: Status, wanted: Message) -> bool:
    """Unpack a detail of the wanted kind into it; False where there is none."""
    return any(packed.Unpack(wanted) for packed in status.details)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.InvalidValueError, "INVALID_ARGUMENT"),
        (errors.OutOfRangeError, "OUT_OF_RANGE"),
        (errors.UnauthenticatedError, "UNAUTHENTICATED"),
        (errors.ForbiddenError, "PERMISSION_DENIED"),
        (errors.NotFoundError, "NOT_FOUND"),
        (errors.AlreadyExistsError, "ALREADY_EXISTS"),
        (errors.PreconditionError, "FAILED_PRECONDITION"),
        (errors.ConflictError, "ABORTED"),
        (errors.ExhaustedError, "RESOURCE_EXHAUSTED"),
        (errors.UnavailableError, "UNAVAILABLE"),
        (errors.DeadlineExceededError, "DEADLINE_EXCEEDED"),
    ],
)
def test_each_kind_has_its_code(kind: type[DomainError], code: str) -> None:
    assert CODES[kind].name == code
    assert len(CODES) == 11


def test_every_status_begins_with_reason_domain_and_facts() -> None:
    info = ErrorInfo()

    status = status_of(BudgetExhaustedError("tokens", account="acme", asked=9, remaining=3))
    status.details[0].Unpack(info)

    assert (info.reason, info.domain) == ("BUDGET_EXHAUSTED", "somagent.dev")
    assert dict(info.metadata) == {
        "metric": "tokens",
        "account": "acme",
        "asked": "9",
        "remaining": "3",
    }
    assert status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]


def test_what_is_exhausted_says_whose_quota() -> None:
    quota = QuotaFailure()

    assert detail(
        status_of(BudgetExhaustedError("tokens", account="acme", asked=9, remaining=3)), quota
    )
    assert quota.violations[0].subject == "acme"


def test_what_may_succeed_later_says_when() -> None:
    retry = RetryInfo()

    assert detail(status_of(RateExceededError("acme", 1.25)), retry)
    assert retry.retry_delay.ToMilliseconds() == 1250
    assert detail(status_of(OverloadedError()), retry)


def test_what_may_succeed_later_says_so_to_grpc_too() -> None:
    overloaded, absent = OverloadedError(), SessionNotFoundError("s")

    assert (RETRY_PUSHBACK, "1000") in trailers_of(status_of(overloaded), overloaded)
    assert [name for name, _ in trailers_of(status_of(absent), absent)] == [STATUS_DETAILS]


def test_what_is_not_there_says_what() -> None:
    resource = ResourceInfo()

    assert detail(status_of(SessionNotFoundError("s-1")), resource)
    assert (resource.resource_type, resource.resource_name) == ("session", "s-1")


def test_what_is_unmet_says_what() -> None:
    unmet = PreconditionFailure()

    assert detail(status_of(ReservationEndedError("r-1", "settled")), unmet)
    assert (unmet.violations[0].type, unmet.violations[0].subject) == ("RESERVATION_ENDED", "r-1")


def test_wrong_fields_are_named() -> None:
    bad = BadRequest()

    assert detail(status_of(InvalidArgumentError("limit", "too many")), bad)
    assert [(one.field, one.description) for one in bad.field_violations] == [("limit", "too many")]


@given(st.text(max_size=4000), st.lists(st.tuples(st.text(), st.text(max_size=2000)), max_size=40))
def test_whatever_a_refusal_holds_its_status_fits_the_trailers(
    words: str, fields: list[tuple[str, str]]
) -> None:
    refusal = ToolArgumentsInvalidError(words, tuple(Violation(*field) for field in fields))

    status = status_of(refusal)
    info = ErrorInfo()
    status.details[0].Unpack(info)

    assert info.reason == "TOOL_ARGUMENTS_INVALID"
    assert status.ByteSize() <= 4096
    assert len(message_of(refusal).encode()) <= 512


def test_a_lone_surrogate_becomes_a_character() -> None:
    assert status_of(InvalidArgumentError("x", "\ud800")).message == "x: ?"


def test_a_defect_tells_only_where_to_find_it() -> None:
    info = ErrorInfo()

    status = defect_status("0af7")
    status.details[0].Unpack(info)

    assert (info.reason, dict(info.metadata)) == ("INTERNAL", {"request": "0af7"})


def test_the_first_kind_that_fits_gives_the_code() -> None:
    assert code_of(InvalidArgumentError("x", "y")) is grpc.StatusCode.INVALID_ARGUMENT
