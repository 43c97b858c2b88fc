"""Reads arithmetic as people write it and computes it exactly, within bounds."""

import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final, NoReturn

MAX_LENGTH: Final = 512
MAX_DEPTH: Final = 40
MAX_DIGITS: Final = 1000
"""The most digits that a value, exact as a fraction, may have above or below its line."""

MAX_EXPONENT: Final = 1000
SQRT_DIGITS: Final = 60
"""Digits of a root that has no end: more than are shown."""

_MAX_BITS: Final = int(MAX_DIGITS * math.log2(10))
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]+)"
    r"|(?P<sign>\*\*|[-+*/^%(),]))",
    re.ASCII,
)
_SYNONYMS: Final = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-"})


class ExpressionError(Exception):
    """Says what is wrong and where, so that a model can write it anew."""


def _limited(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
        raise ExpressionError(f"a value has more than {MAX_DIGITS} digits")
    return value


def _power(value: Fraction, exponent: Fraction) -> Fraction:
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


def _rounded(value: Fraction, *places: Fraction) -> Fraction:
    """Halves go away from zero, as people round."""
    digits = places[0] if places else Fraction(0)
    if digits.denominator != 1 or abs(digits) > SQRT_DIGITS:
        raise ExpressionError(f"round(x, n) takes a whole n from -{SQRT_DIGITS} to {SQRT_DIGITS}")
    scale = Fraction(10) ** int(digits)
    whole = math.floor(abs(value) * scale + Fraction(1, 2))
    return Fraction(whole if value >= 0 else -whole) / scale


def _remainder(value: Fraction, divisor: Fraction) -> Fraction:
    if divisor == 0:
        raise ExpressionError("division by zero in mod")
    return value % divisor


_FUNCTIONS: Final[Mapping[str, tuple[int, int, Callable[..., Fraction]]]] = MappingProxyType(
    {
        "abs": (1, 1, abs),
        "max": (1, 100, lambda *values: max(values)),
        "min": (1, 100, lambda *values: min(values)),
        "mod": (2, 2, _remainder),
        "round": (1, 2, _rounded),
    }
)


class Evaluation:
    """One expression, read from left to right.

    `sum = product (± product)*`, `product = signed (*,/ signed)*`, `signed = ± signed | power`,
    `power = postfix (^ signed)?` (to the right), `postfix = atom %*`.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise ExpressionError(f"the expression is longer than {MAX_LENGTH} characters")
        self._text = text.translate(_SYNONYMS)
        self._place = 0
        self._depth = 0
        self._token, self._kind, self._start = "", "", 0
        self.exact = True
        """False after a root was rounded."""

    def value(self) -> Fraction:
        """Compute the expression.

        Raises:
            ExpressionError: It cannot be read, divides by zero, or passes a bound.
        """
        self._next()
        result = self._sum()
        if self._kind != "end":
            self._refuse("an operator or the end")
        return result

    def _next(self) -> None:
        found = _TOKEN.match(self._text, self._place)
        if found is None:
            rest = self._text[self._place :].lstrip()
            self._start = len(self._text) - len(rest)
            if rest:
                raise ExpressionError(
                    f"{rest[0]!r} at character {self._start + 1} is not arithmetic"
                )
            self._token, self._kind = "", "end"
            return
        self._kind = found.lastgroup or ""
        self._token, self._start = found[self._kind], found.start(self._kind)
        self._place = found.end()

    def _takes(self, *signs: str) -> str:
        if self._kind != "sign" or self._token not in signs:
            return ""
        sign = self._token
        self._next()
        return sign

    def _sum(self) -> Fraction:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"more than {MAX_DEPTH} brackets or signs lie in each other")
        result = self._product()
        while sign := self._takes("+", "-"):
            term = self._product()
            result = _limited(result + term if sign == "+" else result - term)
        self._depth -= 1
        return result

    def _product(self) -> Fraction:
        result = self._signed()
        while sign := self._takes("*", "/"):
            factor = self._signed()
            if sign == "/" and factor == 0:
                raise ExpressionError("division by zero")
            result = _limited(result * factor if sign == "*" else result / factor)
        return result

    def _signed(self) -> Fraction:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"more than {MAX_DEPTH} brackets or signs lie in each other")
        sign = self._takes("+", "-")
        result = self._signed() if sign else self._power()
        self._depth -= 1
        return -result if sign == "-" else result

    def _power(self) -> Fraction:
        result = self._percent()
        if self._takes("^", "**"):
            result = _limited(_power(result, self._signed()))
        return result

    def _percent(self) -> Fraction:
        result = self._atom()
        while self._takes("%"):
            result = _limited(result / 100)
            if self._kind in {"number", "name"} or self._token == "(":
                raise ExpressionError("% means percent, as 15%; use mod(a, b) for a remainder")
        return result

    def _atom(self) -> Fraction:
        if self._kind == "number":
            result = self._number()
            self._next()
            return result
        if self._kind == "name":
            return self._call()
        if self._takes("("):
            result = self._sum()
            self._close()
            return result
        return self._refuse("a number, a function or an opening bracket")

    def _number(self) -> Fraction:
        mantissa, _, exponent = self._token.lower().partition("e")
        if len(exponent.lstrip("+-")) > 3:  # noqa: PLR2004  beyond every bound below
            raise ExpressionError(f"{self._token} is too large or too small")
        return _limited(Fraction(mantissa) * Fraction(10) ** int(exponent or "0"))

    def _call(self) -> Fraction:
        name = self._token.lower()
        self._next()
        if name != "sqrt" and name not in _FUNCTIONS:
            known = ", ".join(sorted([*_FUNCTIONS, "sqrt"]))
            raise ExpressionError(f"there is no function {name[:32]!r}; there are {known}")
        if not self._takes("("):
            self._refuse(f"( after {name}")
        arguments = [self._sum()]
        while self._takes(","):
            arguments.append(self._sum())
        self._close()
        least, most, function = _FUNCTIONS.get(name, (1, 1, self._root))
        if not least <= len(arguments) <= most:
            raise ExpressionError(f"{name} does not take {len(arguments)} values")
        return _limited(function(*arguments))

    def _close(self) -> None:
        if self._token == ",":
            raise ExpressionError("a comma stands between values of a function alone; write 1234.5")
        if not self._takes(")"):
            self._refuse("a closing bracket")

    def _root(self, value: Fraction) -> Fraction:
        if value < 0:
            raise ExpressionError("a negative number has no square root")
        numerator, denominator = math.isqrt(value.numerator), math.isqrt(value.denominator)
        root = Fraction(numerator, denominator)
        if root * root == value:
            return root
        self.exact = False
        scale = 10 ** max(SQRT_DIGITS, SQRT_DIGITS + len(str(value.denominator)))
        return Fraction(math.isqrt(value.numerator * scale**2 // value.denominator), scale)

    def _refuse(self, expected: str) -> NoReturn:
        if self._token == ",":
            raise ExpressionError("a comma stands between values of a function alone; write 1234.5")
        found = repr(self._token[:32]) if self._token else "the end"
        raise ExpressionError(f"{expected} is expected at character {self._start + 1}, not {found}")
