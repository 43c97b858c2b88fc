"""What an expression may compute, on exact fractions and within bounds."""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Final

MAX_DIGITS: Final = 1000
"""The most digits that a value, exact as a fraction, may have above or below its line."""

MAX_EXPONENT: Final = 1000
ROOT_DIGITS: Final = 60
"""Digits of a root that has no end: more than are shown."""

_MAX_BITS: Final = int(MAX_DIGITS * math.log2(10))


class ExpressionError(Exception):
    """Says what is wrong and where, so that a model can write it anew."""


def limited(value: Fraction) -> Fraction:
    """The value, if it is within the bounds.

    Raises:
        ExpressionError: It has too many digits.
    """
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
        raise ExpressionError(f"a value has more than {MAX_DIGITS} digits")
    return value


def power(value: Fraction, exponent: Fraction) -> Fraction:
    """A whole power; its size is known before it is computed."""
    if exponent.denominator != 1:
        raise ExpressionError("an exponent must be a whole number; use sqrt(x) for square roots")
    if abs(exponent) > MAX_EXPONENT:
        raise ExpressionError(f"an exponent must be from -{MAX_EXPONENT} to {MAX_EXPONENT}")
    if value == 0 and exponent < 0:
        raise ExpressionError("division by zero: 0 has no negative power")
    bits = max(value.numerator.bit_length(), value.denominator.bit_length())
    if (bits - 1) * abs(exponent) > _MAX_BITS:
        raise ExpressionError(f"the power has more than {MAX_DIGITS} digits")
    return Fraction(value ** int(exponent))


def root(values: Sequence[Fraction]) -> tuple[Fraction, bool]:
    """The square root, and whether that is all of it."""
    (value,) = _taken("sqrt", values, 1, 1)
    if value < 0:
        raise ExpressionError("a negative number has no square root")
    exact = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
    if exact * exact == value:
        return exact, True
    # Digits before the first significant one do not count, hence those of the denominator.
    scale = 10 ** (ROOT_DIGITS + len(str(value.denominator)))
    return Fraction(math.isqrt(value.numerator * scale**2 // value.denominator), scale), False


def _taken(name: str, values: Sequence[Fraction], least: int, most: int) -> Sequence[Fraction]:
    if not least <= len(values) <= most:
        takes = str(least) if least == most else f"{least} to {most}"
        raise ExpressionError(f"{name} takes {takes} values, not {len(values)}")
    return values


def _absolute(values: Sequence[Fraction]) -> Fraction:
    return abs(_taken("abs", values, 1, 1)[0])


def _rounded(values: Sequence[Fraction]) -> Fraction:
    """Halves go away from zero, as people round."""
    value, places = (*_taken("round", values, 1, 2), Fraction(0))[:2]
    if places.denominator != 1 or abs(places) > ROOT_DIGITS:
        raise ExpressionError(f"round(x, n) takes a whole n from -{ROOT_DIGITS} to {ROOT_DIGITS}")
    scale = Fraction(10) ** int(places)
    whole = math.floor(abs(value) * scale + Fraction(1, 2))
    return Fraction(whole if value >= 0 else -whole) / scale


def _remainder(values: Sequence[Fraction]) -> Fraction:
    """Takes the sign of the divisor."""
    value, divisor = _taken("mod", values, 2, 2)
    if divisor == 0:
        raise ExpressionError("division by zero in mod")
    return value % divisor


FUNCTIONS: Final[Mapping[str, Callable[[Sequence[Fraction]], Fraction]]] = MappingProxyType(
    {"abs": _absolute, "max": max, "min": min, "mod": _remainder, "round": _rounded}
)
"""By name; each is given at least one value."""
