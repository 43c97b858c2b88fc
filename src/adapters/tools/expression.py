"""Reads arithmetic as people write it and computes it exactly, within bounds."""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final, NoReturn

from adapters.tools.exact_functions import (
    FUNCTIONS,
    ExpressionError,
    limited,
    power,
    root,
)

MAX_LENGTH: Final = 512
MAX_DEPTH: Final = 40
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]+)"
    r"|(?P<sign>\*\*|[-+*/^%(),]))",
    re.ASCII,
)


class Evaluation:
    """One expression, read from left to right.

    `sum = product (± product)*`, `product = signed (*,/ signed)*`, `signed = ± signed | power`,
    `power = postfix (^ signed)?` (to the right), `postfix = atom %*`.
    """

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise ExpressionError(f"the expression is longer than {MAX_LENGTH} characters")
        self._text = text
        self._place = 0
        self._depth = 0
        self._word, self._kind, self._start = "", "", 0
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
            self._word, self._kind = "", "end"
            return
        self._kind = found.lastgroup or ""
        self._word, self._start = found[self._kind], found.start(self._kind)
        self._place = found.end()

    def _takes(self, *signs: str) -> str:
        if self._kind != "sign" or self._word not in signs:
            return ""
        sign = self._word
        self._next()
        return sign

    def _sum(self) -> Fraction:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"more than {MAX_DEPTH} brackets or signs lie in each other")
        result = self._product()
        while sign := self._takes("+", "-"):
            term = self._product()
            result = limited(result + term if sign == "+" else result - term)
        self._depth -= 1
        return result

    def _product(self) -> Fraction:
        result = self._signed()
        while sign := self._takes("*", "/"):
            factor = self._signed()
            if sign == "/" and factor == 0:
                raise ExpressionError("division by zero")
            result = limited(result * factor if sign == "*" else result / factor)
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
            result = limited(power(result, self._signed()))
        return result

    def _percent(self) -> Fraction:
        result = self._atom()
        while self._takes("%"):
            result = limited(result / 100)
            if self._kind in {"number", "name"} or self._word == "(":
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
        mantissa, _, exponent = self._word.lower().partition("e")
        if len(exponent.lstrip("+-")) > 3:  # noqa: PLR2004  beyond every bound below
            raise ExpressionError(f"{self._word} is too large or too small")
        number = Fraction(Decimal(mantissa))
        return limited(number * Fraction(10) ** int(exponent) if exponent else number)

    def _call(self) -> Fraction:
        name = self._word
        self._next()
        if name != "sqrt" and name not in FUNCTIONS:
            known = ", ".join(sorted([*FUNCTIONS, "sqrt"]))
            raise ExpressionError(f"there is no function {name[:32]!r}; there are {known}")
        if not self._takes("("):
            self._refuse(f"( after {name}")
        values = [self._sum()]
        while self._takes(","):
            values.append(self._sum())
        self._close()
        if name == "sqrt":
            return self._root(values)
        return limited(FUNCTIONS[name](values))

    def _close(self) -> None:
        if self._word == ",":
            raise ExpressionError("a comma stands between values of a function alone; write 1234.5")
        if not self._takes(")"):
            self._refuse("a closing bracket")

    def _root(self, values: list[Fraction]) -> Fraction:
        result, exact = root(values)
        self.exact = self.exact and exact
        return limited(result)

    def _refuse(self, expected: str) -> NoReturn:
        if self._word == ",":
            raise ExpressionError("a comma stands between values of a function alone; write 1234.5")
        found = repr(self._word[:32]) if self._word else "the end"
        raise ExpressionError(f"{expected} is expected at character {self._start + 1}, not {found}")
