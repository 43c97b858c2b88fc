"""Writes exact fractions as decimals."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Final

ROUNDED_DIGITS: Final = 50
"""Significant digits of a value whose decimals have no end."""

_ROUNDED: Final = Context(prec=ROUNDED_DIGITS, rounding=ROUND_HALF_EVEN, Emax=10**6, Emin=-(10**6))


def decimal_text(value: Fraction, *, exact: bool = True) -> tuple[str, bool]:
    """The value in plain decimals, and whether that is all of it.

    An exact value whose decimals end is written whole; another is rounded, halves to even.
    """
    places = _places(value.denominator)
    if exact and places is not None:
        return _plain(value.numerator * (10**places // value.denominator), places), True
    rounded = _ROUNDED.divide(Decimal(value.numerator), Decimal(value.denominator))
    text = format(rounded, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text), False


def _places(denominator: int) -> int | None:
    """Decimals after the point, None when they never end: a denominator has another factor."""
    twos = (denominator & -denominator).bit_length() - 1
    rest, fives = denominator >> twos, 0
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 else None


def _plain(scaled: int, places: int) -> str:
    sign = "-" if scaled < 0 else ""
    digits = str(abs(scaled)).rjust(places + 1, "0")
    if places == 0:
        return sign + digits
    return f"{sign}{digits[:-places]}.{digits[-places:]}"
