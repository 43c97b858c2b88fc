import pytest

from domain.kernel.rank import Rank
from domain.kernel.tier import Tier


class Height(Rank):
    LOW = "low"
    HIGH = "high"


def test_names_stand_in_the_order_of_their_definition() -> None:
    assert sorted(Tier, reverse=True) == [Tier.FLAGSHIP, Tier.PREMIUM, Tier.STANDARD, Tier.BUDGET]
    assert max(Tier.FLAGSHIP, Tier.STANDARD) is Tier.FLAGSHIP


@pytest.mark.parametrize("left", Tier)
@pytest.mark.parametrize("right", Tier)
def test_every_comparison_is_that_of_the_ranks(left: Tier, right: Tier) -> None:
    assert (left < right) is (left.rank < right.rank)
    assert (left <= right) is (left.rank <= right.rank)
    assert (left > right) is (left.rank > right.rank)
    assert (left >= right) is (left.rank >= right.rank)


def test_a_rank_is_read_from_its_name_and_written_as_it() -> None:
    assert Tier("premium") is Tier.PREMIUM
    assert f"{Tier.PREMIUM}" == "premium"


def test_two_different_ranks_have_no_order() -> None:
    with pytest.raises(ValueError, match="low"):
        _ = Tier.BUDGET < Height.LOW


def test_the_tiers_are_these_four() -> None:
    assert {tier.value: tier.rank for tier in Tier} == {
        "budget": 0,
        "standard": 1,
        "premium": 2,
        "flagship": 3,
    }
