from collections.abc import Mapping
from datetime import timedelta

import pytest

from domain.kernel.errors import InvalidArgumentError
from domain.provenance.external import check_external, check_times
from tests.fakes import NOON


def check(
    *,
    action: str = "invoice.approved",
    resource: str = "invoices/7",
    facts: Mapping[str, str] | None = None,
    outcome: str = "completed",
    reason: str = "",
) -> None:
    check_external(
        action=action, resource=resource, facts=facts or {}, outcome=outcome, reason=reason
    )


def test_a_plain_record_is_taken() -> None:
    check(facts={"amount": "12.50 EUR"}, reason="LIMIT_RAISED")


@pytest.mark.parametrize("action", ["", "Invoice", "invoice.", "a.b.c.d.e.f", "a" * 33, "a b"])
def test_an_action_is_dotted_lower_case_names(action: str) -> None:
    with pytest.raises(InvalidArgumentError):
        check(action=action)


@pytest.mark.parametrize("outcome", ["", "done", "COMPLETED"])
def test_an_outcome_is_one_of_three(outcome: str) -> None:
    with pytest.raises(InvalidArgumentError):
        check(outcome=outcome)


@pytest.mark.parametrize("reason", ["because", "A B", "A" * 65, "\ud800"])
def test_a_reason_is_a_name(reason: str) -> None:
    with pytest.raises(InvalidArgumentError):
        check(reason=reason)


@pytest.mark.parametrize(
    "value", ["a" * 513, "two\nlines", "\x00", "\ud800", "ada@example.org", "sk-" + "a" * 20]
)
def test_facts_and_resources_are_short_public_lines(value: str) -> None:
    with pytest.raises(InvalidArgumentError):
        check(facts={"note": value})
    with pytest.raises(InvalidArgumentError):
        check(resource=value)


def test_facts_are_few() -> None:
    with pytest.raises(InvalidArgumentError):
        check(facts={f"fact_{number}": "" for number in range(33)})


def test_a_refusal_names_the_kind_and_not_the_content() -> None:
    with pytest.raises(InvalidArgumentError, match="email") as refusal:
        check(facts={"note": "ada@example.org"})

    assert "ada" not in str(refusal.value)


def test_nothing_ends_before_it_begins() -> None:
    check_times(NOON, NOON)
    with pytest.raises(InvalidArgumentError):
        check_times(NOON, NOON - timedelta(microseconds=1))
