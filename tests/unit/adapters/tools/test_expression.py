"""Arithmetic as models write it: exact, bounded, and refused in words they can act on."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.tools.decimal_text import decimal_text
from adapters.tools.exact_functions import ExpressionError
from adapters.tools.expression import MAX_LENGTH, Evaluation


def computed(text: str) -> str:
    return decimal_text(Evaluation(text).value())[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("17.5 * 3", "52.5"),
        ("0.1 + 0.2", "0.3"),
        ("1/3*3", "1"),
        ("2 + 3 * 4", "14"),
        ("(2 + 3) * 4", "20"),
        ("2 - 3 - 4", "-5"),
        ("-2^2", "-4"),
        ("2^3^2", "512"),
        ("2^-2", "0.25"),
        ("2**10", "1024"),
        ("--5", "5"),
        ("+5", "5"),
        (".5 + 5.", "5.5"),
        ("1.5e3", "1500"),
        ("15% * 200", "30"),
        ("200 + 10%", "200.1"),
        ("max(1, 2, 3) - min(4, 5)", "-1"),
        ("abs(-7.25)", "7.25"),
        ("round(2.5)", "3"),
        ("round(-2.5)", "-3"),
        ("round(3.14159, 2)", "3.14"),
        ("round(1250, -2)", "1300"),
        ("mod(17, 5)", "2"),
        ("mod(-7, 3)", "2"),
        ("sqrt(0.0625)", "0.25"),
        ("0^0", "1"),
        ("100000000000000000000 + 0.00000000000000000001", "1" + "0" * 20 + "." + "0" * 19 + "1"),
    ],
)
def test_a_value_is_exact(text: str, value: str) -> None:
    assert computed(text) == value


def test_a_value_without_end_has_fifty_digits() -> None:
    text, exact = decimal_text(Evaluation("2/3").value())

    assert text == "0." + "6" * 49 + "7"
    assert not exact


def test_a_root_without_end_is_said_to_be_rounded() -> None:
    evaluation = Evaluation("sqrt(2)")
    text, exact = decimal_text(evaluation.value(), exact=evaluation.exact)

    assert text.startswith("1.4142135623730950488016887242096980785696718753769")
    assert len(text) == 51
    assert not exact


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a number, a function or an opening bracket"),
        ("1 +", "not the end"),
        ("(1", "a closing bracket"),
        ("1 2", "an operator or the end"),
        ("1,234.5", "write 1234.5"),
        ("(1,2)", "write 1234.5"),
        ("7 % 3", "mod(a, b)"),
        ("5!", "'!' at character 2"),
        ("1/0", "division by zero"),
        ("1/(2-2)", "division by zero"),
        ("mod(1, 0)", "division by zero"),
        ("0^-1", "division by zero"),
        ("sqrt(-1)", "negative"),
        ("2^0.5", "use sqrt(x)"),
        ("2^1001", "exponent"),
        ("9^9^9", "exponent"),
        ("(10^500)^3", "digits"),
        ("10^999 * 10^999", "digits"),
        ("1e9999", "too large"),
        ("round(1, 0.5)", "whole n"),
        ("abs(1, 2)", "takes 1 values"),
        ("sin(1)", "there are abs, max, min, mod, round, sqrt"),
        ("pi", "no function 'pi'"),
        ("(" * 50 + "1" + ")" * 50, "lie in each other"),
        ("-" * 50 + "1", "lie in each other"),
        ("1" + "+1" * MAX_LENGTH, "longer than"),
        ("__import__('os')", "no function"),
        ("\uff11+\uff11", "is not arithmetic"),
    ],
)
def test_a_refusal_says_what_to_do(text: str, words: str) -> None:
    with pytest.raises(ExpressionError) as refusal:
        computed(text)

    assert words in str(refusal.value)


@given(st.text(alphabet="0123456789+-*/^%().,e maxbsqrtround", max_size=80))
def test_anything_is_computed_or_refused(text: str) -> None:
    try:
        value, _ = decimal_text(Evaluation(text).value())
    except ExpressionError:
        return

    assert set(value) <= set("-.0123456789")


numbers = st.decimals(-(10**9), 10**9, allow_nan=False, places=6)


@given(numbers, numbers, st.sampled_from("+-*"))
def test_sums_and_products_agree_with_decimals(left: Decimal, right: Decimal, sign: str) -> None:
    with localcontext(prec=100):
        exact = {"+": left + right, "-": left - right, "*": left * right}[sign]

    assert Decimal(computed(f"({left:f}) {sign} ({right:f})")) == exact


@given(st.fractions(max_denominator=10**12))
def test_a_decimal_text_is_the_value_or_within_its_last_digit(value: Fraction) -> None:
    text, exact = decimal_text(value)

    difference = abs(Fraction(text) - value)
    assert difference == 0 if exact else difference <= abs(value) / 10**49


@pytest.mark.parametrize("text", ["9^1000", "2^-1000", "1/3^600", "sqrt(1e300 + 1)"])
def test_the_largest_values_stay_short(text: str) -> None:
    evaluation = Evaluation(text)
    value, _ = decimal_text(evaluation.value(), exact=evaluation.exact)

    assert len(value) <= 2010
