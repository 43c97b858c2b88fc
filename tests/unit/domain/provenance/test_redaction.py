import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.provenance.redaction import Sensitive, is_card_number, redacted, sensitive_in

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"  # noqa: S105 - of nobody


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("write to ada.lovelace+x@example.co.uk today", "write to [email] today"),
        ("a@b.io, c@d.org", "[email], [email]"),
        ("<müller@beispiel.de>", "<[email]>"),
        ("card 4111 1111 1111 1111 please", "card [card] please"),
        ("card 4111-1111-1111-1111.", "card [card]."),
        ("amex 378282246310005", "amex [card]"),
        ("ssn 078-05-1120", "ssn [ssn]"),
        ("call +49 170 1234567 now", "call [phone] now"),
        ("call +1 (415) 555-2671", "call [phone]"),
        ("or (415) 555-2671 or 415.555.2671", "or [phone] or [phone]"),
        ("0170 12345678", "[phone]"),
        ("key sk-proj-abcdefghijklmnop1234", "key [secret]"),
        ("AKIAIOSFODNN7EXAMPLE", "[secret]"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[secret]"),
        (f"Authorization: Bearer {TOKEN}", "Authorization: Bearer [secret]"),
        ("authorization: bearer abcdefgh12345678", "authorization: [secret]"),
        ("password=hunter2!", "password=[secret]"),
        ('"api_key": "abc123def456"', '"api_key": "[secret]"'),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI7", "AWS_SECRET_ACCESS_KEY=[secret]"),
        ("postgresql://ada:pw1234@host/db", "postgresql://[secret]@host/db"),
        (
            "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----\nend",
            "[secret]\nend",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMHcCAQEE", "[secret]"),
    ],
)
def test_what_is_personal_or_secret_is_taken_out(text: str, kept: str) -> None:
    assert redacted(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "order 4111111111111112 was sent",
        "0194f3c2-7a1b-7c3d-8e4f-0123456789ab",
        "12345678-1234-4123-8123-123456789012",
        "2026-11-21T12:30:00.123456Z",
        "between 2019-2024 and 10-12-2020",
        "192.168.100.1 and 10.0.0.1",
        "pi is 3.14159265358979",
        "0.4111111111111111",
        "1732190000000 ms, 1732190000 s",
        "the sum of 123 456 and 789 is 124 245",
        "000-12-3456 666-12-3456 900-12-3456 123-00-4567",
        "@decorator and user@localhost",
        "the password is required",
        "password: required",
        "the token count: 1234567",
        "2+12345678",
        "a secret garden, a basic understanding of things",
        "sk-learn, task-force",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "tenants/acme/sessions/0194f3c2-7a1b-7c3d-8e4f-0123456789ab/turns/7",
        "budget 10,000,000 tokens at 0.0001 USD",
    ],
)
def test_what_only_looks_alike_is_left(text: str) -> None:
    assert redacted(text) == text


def test_every_kind_found_is_named() -> None:
    assert sensitive_in("a@b.io or +49 170 1234567") == (Sensitive.EMAIL, Sensitive.PHONE)


def test_plain_text_holds_nothing_sensitive() -> None:
    assert sensitive_in("The green house belongs to Ada.") == ()


@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redacted(text)

    assert redacted(once) == once


@given(st.text(), st.text())
def test_an_address_is_found_wherever_it_stands(before: str, after: str) -> None:
    assert "ada@example.org" not in redacted(f"{before} ada@example.org {after}")


@given(st.integers(min_value=10**14, max_value=10**15 - 1))
def test_exactly_one_check_digit_makes_a_card_number(number: int) -> None:
    assert sum(is_card_number(f"{number}{digit}") for digit in range(10)) == 1


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "a.",
        "a@",
        "1 ",
        "1-",
        "+1",
        "(",
        "bearer ",
        "password=",
        "://a:",
        "sk-",
        "eyJaaaaaaaa.",
    ],
)
def test_time_grows_with_length_alone(unit: str) -> None:
    """A pattern that backtracks without bound would not come to an end here."""
    redacted(unit * (200_000 // len(unit)))
