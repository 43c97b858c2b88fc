import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.capability.portfolio import (
    COST_WEIGHT,
    DEFAULT_MODE,
    EXPLORATION,
    LATENCY_WEIGHT,
    QUALITY_MINIMUM,
    QUALITY_REWORKS,
    QUALITY_WEIGHT,
    SUCCESS_WEIGHT,
    Outcomes,
    PortfolioMode,
    portfolio_score,
    portfolio_scores,
)

shares = st.floats(min_value=0, max_value=1)
outcomes = st.builds(
    Outcomes,
    success_rate=shares,
    latency=st.floats(min_value=0, max_value=600),
    quality=shares,
    cost=st.floats(min_value=0, max_value=100),
)


def test_the_weights_are_those_of_the_figures() -> None:
    assert (SUCCESS_WEIGHT, LATENCY_WEIGHT, QUALITY_WEIGHT, COST_WEIGHT) == (0.4, 0.2, 0.3, 0.1)


def test_the_other_figures_are_these() -> None:
    assert EXPLORATION == 0.05
    assert DEFAULT_MODE is PortfolioMode.SHADOW
    assert (QUALITY_MINIMUM, QUALITY_REWORKS) == (0.7, 2)


def test_a_score_weighs_what_was_recorded() -> None:
    score = portfolio_score(
        success_rate=0.9, normalised_latency=0.5, quality=0.8, normalised_cost=0.25
    )

    assert score == pytest.approx(0.36 + 0.1 + 0.24 + 0.075)


def test_latency_and_cost_are_measured_by_the_worst_of_them() -> None:
    scores = portfolio_scores(
        {
            "quick": Outcomes(success_rate=1, latency=1, quality=1, cost=0.5),
            "slow": Outcomes(success_rate=1, latency=2, quality=1, cost=1),
        }
    )

    assert scores == pytest.approx({"quick": 0.7 + 0.1 + 0.05, "slow": 0.7})


@given(recorded=st.dictionaries(st.sampled_from("abcdef"), outcomes))
def test_every_score_is_in_zero_to_one(recorded: dict[str, Outcomes]) -> None:
    scores = portfolio_scores(recorded)

    assert set(scores) == set(recorded)
    assert all(0 <= score <= 1 + 1e-9 for score in scores.values())
