import re
from time import process_time

import pytest

from adapters.schema.pattern_bound import UnboundedPatternError, longest_text

LARGEST = 64 * 1024


@pytest.mark.parametrize(
    "pattern",
    ["^abc$", "^[0-9a-f]{8}-[0-9a-f]{4}$", r"^\d+$", "^(a|b)$", "^.{1,64}$", "^(?:ab){3}$", ""],
)
def test_a_plain_pattern_may_be_compared_with_any_text(pattern: str) -> None:
    assert longest_text(pattern) == LARGEST


def test_what_repeats_in_several_ways_is_compared_with_less() -> None:
    assert longest_text("^a*b$") > longest_text("^a*a*b$") > longest_text("^a*a*a*b$")
    assert longest_text("a*b$") < longest_text("^a*b$")


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(a*)*",
        "(a|a)*",
        "((ab)*c)+",
        "(a{1,3})*",
        "([ab]?){1,}",
        "((a{1,9}){1,9}){1,9}",
        "(?=a)b",
        "(?P<x>a)",
        r"(a)\1",
        "(",
        "a{2,1}",
        "a" * 513,
    ],
)
def test_what_could_take_any_time_is_refused(pattern: str) -> None:
    with pytest.raises(UnboundedPatternError):
        longest_text(pattern)


@pytest.mark.parametrize(
    "pattern", ["^a*a*a*b$", "^a*a*b$", "a*b$", "^(a{0,3}a?){0,2}b$", "^(a|aa){0,5}b$", "^.*.*.*x$"]
)
def test_the_longest_text_is_compared_in_bounded_time(pattern: str) -> None:
    text = "a" * longest_text(pattern)
    begun = process_time()

    assert not re.search(pattern, text)

    # Some tens of milliseconds are meant; a pattern without bound would take hours.
    assert process_time() - begun < 20
