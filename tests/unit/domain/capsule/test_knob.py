from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.capsule.errors import KnobOutOfRangeError, UnknownKnobError
from domain.capsule.knob import DerivedSettings, Knobs, derive

INTELLIGENCE: Final = """
| 1–3 | 0.3 | 512 | 1 | 5 | budget | no | 1 | 512 |
| 4–6 | 0.7 | 2048 | 2 | 15 | standard | yes | 2 | 1024 |
| 7–8 | 0.8 | 4096 | 3 | 25 | premium | yes | 3 | 2048 |
| 9–10 | 0.9 | 8192 | 5 | 50 | flagship | yes | 5 | 4096 |
"""  # noqa: RUF001  the figures' own dashes
AUTONOMY: Final = """
| 1–3 | yes | all | none |
| 4–6 | no | dangerous | allowlist |
| 7–8 | no | none | expanded |
| 9–10 | no | none | unrestricted |
"""  # noqa: RUF001  the figures' own dashes
BUDGET: Final = {
    "0": "1000 | budget | 256",
    "0.05": "1000 | budget | 256",
    "0.0999999": "1000 | budget | 256",
    "0.10": "10000 | standard | 1024",
    "0.4999999": "10000 | standard | 1024",
    "0.50": "50000 | premium | 2048",
    "1.9999999": "50000 | premium | 2048",
    "2.00": "100000 | flagship | 4096",
    "1000000": "100000 | flagship | 4096",
}


def rows(table: str) -> dict[int, str]:
    """Every level of a table, and the rest of its row."""
    found: dict[int, str] = {}
    for line in table.strip().splitlines():
        band, rest = line.strip("| ").split(" | ", 1)
        first, last = band.split("–")  # noqa: RUF001  the figures' own dashes
        found |= dict.fromkeys(range(int(first), int(last) + 1), rest)
    return found


def yes(flag: bool) -> str:  # noqa: FBT001  a cell of the table
    return "yes" if flag else "no"


def settings(intelligence: int = 5, autonomy: int = 5, budget: str = "0.10") -> DerivedSettings:
    return derive(
        Knobs(
            intelligence_level=intelligence,
            autonomy_level=autonomy,
            resource_budget=Decimal(budget),
        )
    )


def test_every_intelligence_level_derives_its_row() -> None:
    derived = {level: settings(intelligence=level) for level in range(1, 11)}

    assert {
        level: f"{one.temperature} | {one.max_tokens} | {one.rlm_iterations} | {one.recall_limit} "
        f"| {one.model_tier} | {yes(one.brain_query)} | {one.rlm_max_depth} "
        f"| {one.rlm_thinking_tokens}"
        for level, one in derived.items()
    } == rows(INTELLIGENCE)


def test_every_autonomy_level_derives_its_row() -> None:
    derived = {level: settings(autonomy=level) for level in range(1, 11)}

    assert {
        level: f"{yes(one.human_approval_required)} | {one.tool_approval} | {one.egress_allowed}"
        for level, one in derived.items()
    } == rows(AUTONOMY)


def test_every_budget_derives_its_row() -> None:
    derived = {budget: settings(budget=budget) for budget in BUDGET}

    assert {
        budget: f"{one.token_limit} | {one.cost_tier} | {one.thinking_budget}"
        for budget, one in derived.items()
    } == BUDGET


def test_what_is_missing_falls_back() -> None:
    assert Knobs.of({}) == Knobs(
        intelligence_level=5, autonomy_level=5, resource_budget=Decimal("0.10")
    )


@pytest.mark.parametrize(
    ("raw", "level"),
    [
        (7, 7),
        (7.0, 7),
        ("7", 7),
        (Decimal(7), 7),
        (0, 1),
        (-3, 1),
        (11, 10),
        (10.5, 10),
        (10**400, 10),
        (1e308, 10),
        ("1e999999", 10),
        (7.5, 5),
        (float("nan"), 5),
        (float("inf"), 5),
        ("NaN", 5),
        ("seven", 5),
        ("", 5),
        ("7" * 1_000, 5),
        (True, 5),
        (None, 5),
        ([7], 5),
        ({"level": 7}, 5),
    ],
)
def test_a_level_is_clamped_or_falls_back(raw: object, level: int) -> None:
    knobs = Knobs.of({"intelligence_level": raw, "autonomy_level": raw})

    assert (knobs.intelligence_level, knobs.autonomy_level) == (level, level)


@pytest.mark.parametrize(
    ("raw", "budget"),
    [
        (0, "0"),
        (0.1, "0.1"),
        (0.5, "0.5"),
        ("0.50", "0.50"),
        (2, "2"),
        (-1, "0"),
        ("-0.01", "0"),
        (10**400, "1000000"),
        ("1e999999", "1000000"),
        (float("nan"), "0.10"),
        (float("-inf"), "0.10"),
        ("a dollar", "0.10"),
        (False, "0.10"),
        (None, "0.10"),
    ],
)
def test_a_budget_is_clamped_or_falls_back(raw: object, budget: str) -> None:
    assert Knobs.of({"resource_budget": raw}).resource_budget == Decimal(budget)


def test_a_float_tenth_is_the_tenth_that_was_written() -> None:
    assert derive(Knobs.of({"resource_budget": 0.1})).token_limit == 10_000


def test_an_unknown_knob_is_refused_by_name() -> None:
    with pytest.raises(UnknownKnobError) as refusal:
        Knobs.of({"inteligence_level": 7})

    assert refusal.value.facts == {"knob": "inteligence_level"}


@pytest.mark.parametrize("level", [0, 11, -1])
def test_knobs_out_of_range_cannot_be_made(level: int) -> None:
    with pytest.raises(KnobOutOfRangeError):
        Knobs(intelligence_level=level)
    with pytest.raises(KnobOutOfRangeError):
        Knobs(autonomy_level=level)


@pytest.mark.parametrize("budget", ["-0.01", "NaN", "Infinity"])
def test_a_budget_that_is_no_amount_cannot_be_made(budget: str) -> None:
    with pytest.raises(KnobOutOfRangeError):
        Knobs(resource_budget=Decimal(budget))


texts = st.text(alphabet="0123456789.eE+-_ naif", max_size=50)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.decimals()


@given(
    raw=st.fixed_dictionaries(
        {},
        optional={
            "intelligence_level": scalars,
            "autonomy_level": scalars,
            "resource_budget": scalars,
        },
    )
)
def test_whatever_a_manifest_says_settings_are_derived(raw: dict[str, object]) -> None:
    knobs = Knobs.of(raw)

    assert derive(knobs) == derive(knobs)
    assert 1 <= knobs.intelligence_level <= 10
    assert 1 <= knobs.autonomy_level <= 10
    assert 0 <= knobs.resource_budget <= 1_000_000
