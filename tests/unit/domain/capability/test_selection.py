from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.capability.capability import Capability, Modality, ToolCalling
from domain.capability.errors import NoCapabilityError
from domain.capability.route import Route
from domain.capability.selection import FallReason, Need, Permit, Selection, select
from domain.kernel.provider_price import ProviderPrice
from domain.kernel.tier import Tier

YES: Final = Permit(allowed=True)
NEED: Final = Need(modality=Modality.TEXT, model_tier=Tier.STANDARD, cost_ceiling=Tier.FLAGSHIP)


def capability(
    name: str,
    model_tier: Tier = Tier.STANDARD,
    cost_tier: Tier = Tier.STANDARD,
    *,
    priority: int = 0,
) -> Capability:
    return Capability(
        name=name,
        modality=Modality.TEXT,
        provider=f"{name} ltd",
        model=name,
        model_tier=model_tier,
        cost_tier=cost_tier,
        context_window=8_192,
        tool_calling=ToolCalling.NATIVE,
        priority=priority,
    )


def drawing(provider: str, model: str = "") -> Capability:
    return replace(capability(provider), provider=provider, model=model, modality=Modality.IMAGE)


def chosen_from(
    need: Need,
    *capabilities: Capability,
    open_breakers: frozenset[str] = frozenset(),
    scores: dict[str, float] | None = None,
) -> Selection:
    permits = {one.name: YES for one in capabilities}
    return select(need, capabilities, permits, open_breakers, scores)


def names(selection: Selection) -> list[str]:
    return [one.name for one in (selection.chosen, *selection.fallbacks)]


def test_the_wanted_tier_goes_first_then_lower_ones_then_higher_ones() -> None:
    selection = chosen_from(
        replace(NEED, model_tier=Tier.PREMIUM),
        capability("d", Tier.FLAGSHIP),
        capability("a", Tier.BUDGET),
        capability("b", Tier.STANDARD),
        capability("c", Tier.PREMIUM),
    )

    assert names(selection) == ["c", "b", "a", "d"]


@pytest.mark.parametrize(
    ("wanted", "order"),
    [
        (Tier.BUDGET, ["budget", "standard", "premium", "flagship"]),
        (Tier.STANDARD, ["standard", "budget", "premium", "flagship"]),
        (Tier.PREMIUM, ["premium", "standard", "budget", "flagship"]),
        (Tier.FLAGSHIP, ["flagship", "premium", "standard", "budget"]),
    ],
)
def test_every_tier_has_its_order_of_fallbacks(wanted: Tier, order: list[str]) -> None:
    selection = chosen_from(
        replace(NEED, model_tier=wanted), *(capability(tier.value, tier) for tier in Tier)
    )

    assert names(selection) == order


def test_among_equals_cost_decides_then_priority_then_the_name() -> None:
    selection = chosen_from(
        NEED,
        capability("z"),
        capability("y"),
        capability("urgent", priority=5),
        capability("cheap", cost_tier=Tier.BUDGET),
    )

    assert names(selection) == ["cheap", "urgent", "y", "z"]


def test_active_scores_break_ties_and_nothing_else() -> None:
    selection = chosen_from(
        NEED,
        capability("poor"),
        capability("good"),
        capability("urgent", priority=5),
        scores={"poor": 0.2, "good": 0.9, "urgent": 0.1},
    )

    assert names(selection) == ["urgent", "good", "poor"]


def test_who_was_asked_for_goes_first() -> None:
    selection = chosen_from(
        replace(NEED, preferred="b"), capability("a"), capability("b", Tier.BUDGET)
    )

    assert names(selection) == ["b", "a"]


def test_who_was_asked_for_is_not_spared_the_rules() -> None:
    selection = chosen_from(
        replace(NEED, preferred="b", cost_ceiling=Tier.STANDARD),
        capability("a"),
        capability("b", cost_tier=Tier.PREMIUM),
    )

    assert names(selection) == ["a"]


GOOD: Final = capability("good")
PRICED: Final = ProviderPrice(input=Decimal(10), output=Decimal(10))
FALLS: Final[list[tuple[Need, Capability, FallReason]]] = [
    (NEED, replace(GOOD, enabled=False), FallReason.DISABLED),
    (NEED, replace(GOOD, modality=Modality.AUDIO), FallReason.MODALITY),
    (replace(NEED, route=Route.IMAGE_PHOTO), GOOD, FallReason.MODALITY),
    (replace(NEED, route=Route.SCREENSHOT), drawing("openai", "i"), FallReason.NOT_ON_ROUTE),
    (
        replace(NEED, route=Route.VIDEO_SHORT),
        replace(drawing("runway", "v"), modality=Modality.VIDEO),
        FallReason.PLAN_TOO_LOW,
    ),
    (replace(NEED, allowed=frozenset({"other"})), GOOD, FallReason.NOT_IN_CAPSULE),
    (replace(NEED, minimum_window=8_193), GOOD, FallReason.WINDOW_TOO_SMALL),
    (replace(NEED, cost_ceiling=Tier.BUDGET), GOOD, FallReason.COST_TIER),
    (
        replace(NEED, tool_calling=True),
        replace(GOOD, tool_calling=ToolCalling.NONE),
        FallReason.TOOL_CALLING,
    ),
    (
        replace(NEED, resource_budget=Decimal("0.01"), prompt_tokens=1_000),
        replace(GOOD, price=PRICED),
        FallReason.OVER_RESOURCE_BUDGET,
    ),
]


@pytest.mark.parametrize(("need", "candidate", "reason"), FALLS)
def test_a_candidate_that_cannot_serve_falls_out_with_its_reason(
    need: Need, candidate: Capability, reason: FallReason
) -> None:
    with pytest.raises(NoCapabilityError) as refusal:
        chosen_from(need, candidate)

    assert refusal.value.fell_out == ((candidate.name, reason),)


def test_a_candidate_whose_provider_has_an_open_breaker_falls_out() -> None:
    selection = chosen_from(NEED, GOOD, capability("b"), open_breakers=frozenset({"good ltd"}))

    assert [(one.capability.name, one.reason) for one in selection.fell_out] == [
        ("good", FallReason.BREAKER_OPEN)
    ]


def test_a_denied_candidate_falls_out_and_says_why() -> None:
    permits = {"good": YES, "b": Permit(allowed=False, reason="not on weekends")}

    selection = select(NEED, [GOOD, capability("b")], permits, ())

    assert [(one.reason, one.detail) for one in selection.fell_out] == [
        (FallReason.DENIED, "not on weekends")
    ]


def test_a_candidate_about_which_nobody_decided_is_denied() -> None:
    with pytest.raises(NoCapabilityError) as refusal:
        select(NEED, [GOOD], {}, ())

    assert refusal.value.fell_out == (("good", FallReason.DENIED),)


def test_what_costs_nothing_is_never_over_the_budget() -> None:
    need = replace(NEED, resource_budget=Decimal(0), prompt_tokens=10**6)

    assert chosen_from(need, GOOD).chosen is GOOD


def test_a_route_orders_its_providers() -> None:
    selection = chosen_from(
        replace(NEED, route=Route.IMAGE_DIAGRAM, modality=Modality.IMAGE),
        drawing("stability", "sd4"),
        drawing("plantuml"),
        drawing("mermaid"),
    )

    assert names(selection) == ["mermaid", "plantuml", "stability"]


def test_the_highest_plan_may_take_a_route_of_its_own() -> None:
    video = replace(drawing("runway", "gen5"), modality=Modality.VIDEO)
    need = replace(NEED, route=Route.VIDEO_SHORT, modality=Modality.VIDEO, enterprise=True)

    assert chosen_from(need, video).chosen is video


def test_a_refusal_names_the_candidates_but_stays_small() -> None:
    crowd = [replace(capability(f"c{number}"), enabled=False) for number in range(200)]

    with pytest.raises(NoCapabilityError) as refusal:
        chosen_from(NEED, *crowd)

    assert refusal.value.facts["candidates"] == "200"
    assert refusal.value.facts["fell_out"].startswith("c0=DISABLED, c1=DISABLED")
    assert len(refusal.value.fell_out) == 200
    assert sum(map(len, refusal.value.facts.values())) < 3_000


capabilities = st.lists(
    st.builds(
        Capability,
        name=st.sampled_from([f"c{number}" for number in range(30)]),
        modality=st.sampled_from([Modality.TEXT, Modality.IMAGE]),
        provider=st.sampled_from(["openai", "anthropic", "llama"]),
        model=st.just("m"),
        model_tier=st.sampled_from(Tier),
        cost_tier=st.sampled_from(Tier),
        context_window=st.integers(0, 200_000),
        tool_calling=st.sampled_from(ToolCalling),
        priority=st.integers(-5, 5),
        enabled=st.booleans(),
    ),
    max_size=30,
    unique_by=lambda one: one.name,
)


@given(
    registered=capabilities,
    wanted=st.sampled_from(Tier),
    ceiling=st.sampled_from(Tier),
    window=st.integers(0, 100_000),
    down=st.sets(st.sampled_from(["openai", "anthropic"])),
    order=st.randoms(use_true_random=False),
)
def test_everybody_is_either_ranked_or_fell_out_whatever_the_order_of_asking(
    *,
    registered: list[Capability],
    wanted: Tier,
    ceiling: Tier,
    window: int,
    down: set[str],
    order: Random,
) -> None:
    sure = replace(capability("sure", cost_tier=Tier.BUDGET), context_window=100_000)
    registered = [*registered, sure]
    need = replace(NEED, model_tier=wanted, cost_ceiling=ceiling, minimum_window=window)
    permits = {one.name: YES for one in registered}

    selection = select(need, registered, permits, down)
    ranked = names(selection)

    assert sorted([*ranked, *(one.capability.name for one in selection.fell_out)]) == sorted(
        one.name for one in registered
    )
    for one in (selection.chosen, *selection.fallbacks):
        assert one.enabled
        assert one.modality is Modality.TEXT
        assert one.cost_tier <= ceiling
        assert one.context_window >= window
        assert one.provider not in down
    shuffled = list(registered)
    order.shuffle(shuffled)
    assert names(select(need, shuffled, permits, down)) == ranked
