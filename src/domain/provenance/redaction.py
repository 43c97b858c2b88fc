"""Finds personal data and secrets in text, and takes them out where content is kept."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Sensitive(StrEnum):
    """What a place that was taken out held; it stands there in brackets."""

    SECRET = "secret"  # noqa: S105  the name of a kind, not one
    EMAIL = "email"
    CARD = "card"
    SSN = "ssn"
    PHONE = "phone"


# Every repetition is bounded or begins at a place that cannot be inside another match, so that the
# time grows with the text's length alone.

_PREFIXED_KEYS: Final = (
    r"sk-[A-Za-z0-9_-]{16,256}",
    r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,256}",
    r"soma(?:gent)?_[A-Za-z0-9_-]{16,256}",
    r"gh[pousr]_[A-Za-z0-9]{30,256}",
    r"github_pat_[A-Za-z0-9_]{22,256}",
    r"glpat-[A-Za-z0-9_-]{20,256}",
    r"xox[abeoprs]-[A-Za-z0-9-]{10,256}",
    r"(?:AKIA|ASIA)[0-9A-Z]{16}",
    r"AIza[0-9A-Za-z_-]{35}",
    r"hf_[A-Za-z0-9]{30,256}",
    r"npm_[A-Za-z0-9]{36}",
    r"pypi-[A-Za-z0-9_-]{40,256}",
    r"hv[sb]\.[A-Za-z0-9_-]{20,256}",
    r"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}",
    r"eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,4096}",
)
_SECRETS: Final = (
    re.compile(
        r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----.{0,8192}?"
        r"(?:-----END [A-Z ]{0,32}PRIVATE KEY-----|\Z)",
        re.DOTALL,
    ),
    re.compile(
        r"(?i)(?<![a-z])(?:bearer|basic)[ \t]{1,4}(?=[a-z._~+/-]{0,256}[0-9=])[\w.~+/=-]{16,4096}"
    ),
    re.compile(r"(?<=://)[^/\s:@]{1,64}:[^/\s:@]{1,256}(?=@)"),
)
_PREFIXED_KEY: Final = re.compile(rf"(?<![A-Za-z0-9_-])(?:{'|'.join(_PREFIXED_KEYS)})")
_ASSIGNED_SECRET: Final = re.compile(
    r"(?i)(?<![a-z])"
    r"(?P<name>(?:[a-z]{1,24}[_-])?(?:api[_-]?key|secret(?:[_-]key)?|password|passwd|access[_-]?key|"
    r"(?:access|auth|refresh)[_-]?token)"
    r"[\"']?[ \t]{0,4}[:=][ \t]{0,4}[\"']?)"
    r"(?=[^\s\"',;]{0,256}[0-9])[^\s\"',;]{6,256}"
)
_EMAIL: Final = re.compile(
    r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])"
)
_CARD: Final = re.compile(
    r"(?<![\w.,])(?<!\d[ -])[2-6]\d{3}(?:[ -]?\d){9,15}(?![\w])(?![ -]\d)(?![.,]\d)"
)
_SSN: Final = re.compile(
    r"(?<![\w-])(?!000|666|9\d\d)\d{3}(?P<mark>[- ])(?!00)\d{2}(?P=mark)(?!0000)\d{4}(?![\w-])"
)
_PHONES: Final = (
    re.compile(r"(?<![\w+.])\+[1-9](?:[ ./()-]{0,2}\d){7,14}(?!\d)"),
    re.compile(
        r"(?<![\w+.-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])(?!\.\d)"
    ),
    re.compile(r"(?<![\w+.-])0[1-9]\d{1,3}[ /-]\d{6,8}(?![\w-])(?!\.\d)"),
)

# Looked for first: most text holds none of these, and they are found ten times as fast.
_DIGIT: Final = re.compile(r"\d")
_NAME_OF_SECRET: Final = re.compile(r"(?i)(?:key|secret|passw|token)")
_START_OF_KEY: Final = re.compile(
    r"sk[-_]|rk_|soma|gh[pousr]_|gith|glpat|xox|A[KS]IA|AIza|hf_|npm_|pypi|hv[sb]\.|SG\.|eyJ"
)

_LUHN_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def redacted(text: str) -> str:
    """The text with `[email]`, `[phone]`, … in the place of what nobody else should read.

    It errs towards taking out: an order number that looks like a telephone number is lost.
    """
    for clean in _CLEANERS.values():
        text = clean(text)
    return text


def sensitive_in(text: str) -> tuple[Sensitive, ...]:
    """The kinds of personal data and secrets that the text seems to hold."""
    return tuple(kind for kind, clean in _CLEANERS.items() if clean(text) != text)


def is_card_number(digits: str) -> bool:
    """Whether a row of digits passes the check of card numbers (Luhn, ISO/IEC 7812-1)."""
    total = sum(
        _LUHN_DOUBLED[int(digit)] if odd else int(digit)
        for odd, digit in zip(_alternating(len(digits)), reversed(digits), strict=True)
    )
    return total % 10 == 0


def _alternating(length: int) -> list[bool]:
    return [place % 2 == 1 for place in range(length)]


def _without_secrets(text: str) -> str:
    if _START_OF_KEY.search(text):
        text = _PREFIXED_KEY.sub("[secret]", text)
    for pattern in _SECRETS:
        text = pattern.sub("[secret]", text)
    if _NAME_OF_SECRET.search(text):
        text = _ASSIGNED_SECRET.sub(r"\g<name>[secret]", text)
    return text


def _without_emails(text: str) -> str:
    return _EMAIL.sub("[email]", text) if "@" in text else text


def _without_cards(text: str) -> str:
    return _CARD.sub(_card_or_not, text) if _DIGIT.search(text) else text


def _card_or_not(found: re.Match[str]) -> str:
    digits = re.sub(r"[ -]", "", found[0])
    return "[card]" if is_card_number(digits) else found[0]


def _without_ssns(text: str) -> str:
    return _SSN.sub("[ssn]", text) if _DIGIT.search(text) else text


def _without_phones(text: str) -> str:
    for pattern in _PHONES if _DIGIT.search(text) else ():
        text = pattern.sub("[phone]", text)
    return text


_CLEANERS: Final[Mapping[Sensitive, Callable[[str], str]]] = MappingProxyType(
    {
        Sensitive.SECRET: _without_secrets,
        Sensitive.EMAIL: _without_emails,
        Sensitive.CARD: _without_cards,
        Sensitive.SSN: _without_ssns,
        Sensitive.PHONE: _without_phones,
    }
)
