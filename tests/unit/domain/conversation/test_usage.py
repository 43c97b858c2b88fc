"""What a turn used, added up."""

from dataclasses import astuple

from domain.conversation.turn import Usage

ONE = Usage(
    prompt_tokens=1,
    completion_tokens=2,
    cached_tokens=3,
    reasoning_tokens=4,
    tool_calls=5,
    api_calls=6,
    provider_cost_micro_usd=7,
)


def test_a_sum_is_the_sum_of_every_count() -> None:
    both = ONE.plus(ONE)

    assert astuple(both)[:-1] == (2, 4, 6, 8, 10, 12, 14)
    assert not both.estimated


def test_a_sum_is_estimated_where_a_part_is() -> None:
    estimated = Usage(estimated=True)

    assert ONE.plus(estimated).estimated
    assert estimated.plus(ONE).estimated
