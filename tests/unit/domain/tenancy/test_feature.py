from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.tenancy.errors import FeatureDisabledError
from domain.tenancy.feature import (
    CORE_FEATURES,
    FEATURES,
    Feature,
    FeatureDecision,
    FeatureReason,
    Subscription,
    feature_state,
)
from domain.tenancy.plan import Plan

TABLE: Final = """
| billing | off | – | LAGO_API_URL, LAGO_API_KEY | starter |
| budgeting | on | – | – | free |
| memory | on | – | – | free |
| learning | off | memory | – | starter |
| tools | on | – | – | free |
| voice | off | – | OPENAI_API_KEY | starter |
| images | off | – | OPENAI_API_KEY | starter |
| vision | off | – | OPENAI_API_KEY | starter |
| rlm | off | memory | – | team |
| webhooks | off | billing | LAGO_WEBHOOK_SECRET | starter |
| mcp | off | tools | – | team |
"""  # noqa: RUF001  the figures' own dashes
ALL_CREDENTIALS: Final = frozenset(
    name for terms in FEATURES.values() for name in terms.credentials
)
EVERYTHING_ON: Final = dict.fromkeys(Feature, True)

toggles = st.dictionaries(st.sampled_from(Feature), st.booleans())
plans = st.sampled_from(Plan)
credentials = st.sets(st.sampled_from(sorted(ALL_CREDENTIALS)))


def cell(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "–"  # noqa: RUF001  the figures' own dashes


@pytest.mark.parametrize("plan", Plan)
def test_a_subscription_that_switched_nothing_has_the_defaults(plan: Plan) -> None:
    subscription = Subscription(plan)

    assert {one for one in FEATURES if subscription.decide(one).on} == {
        Feature.BUDGETING, Feature.MEMORY, Feature.TOOLS,
    }  # fmt: skip
    with pytest.raises(FeatureDisabledError):
        subscription.check(Feature.LEARNING)
    subscription.check(Feature.CHAT)


def test_the_features_are_those_of_the_figures() -> None:
    rows = [
        f"| {feature} | {'on' if terms.on_by_default else 'off'} | {cell(terms.needs)} "
        f"| {cell(terms.credentials)} | {terms.lowest_plan} |"
        for feature, terms in FEATURES.items()
    ]

    assert rows == TABLE.strip().splitlines()


def test_the_core_features_are_these() -> None:
    assert {feature.value for feature in CORE_FEATURES} == {
        "chat", "auth", "capsule", "agentiq", "permissions",
    }  # fmt: skip


def test_every_feature_is_either_core_or_optional() -> None:
    assert CORE_FEATURES.isdisjoint(FEATURES)
    assert set(Feature) == CORE_FEATURES | set(FEATURES)


@pytest.mark.parametrize("feature", sorted(CORE_FEATURES))
def test_core_is_on_whatever_a_tenant_says(feature: Feature) -> None:
    decision = feature_state(feature, Plan.FREE, {feature: False}, ())

    assert decision == FeatureDecision(on=True, reason=FeatureReason.CORE)


@pytest.mark.parametrize(
    ("plan", "switched", "present", "reason", "lacking"),
    [
        (Plan.FREE, {}, (), "PLAN_TOO_LOW", ("starter",)),
        (Plan.STARTER, {}, (), "DEPENDENCY_OFF", ("billing",)),
        (
            Plan.STARTER,
            {Feature.BILLING: True},
            ("LAGO_API_URL", "LAGO_API_KEY"),
            "CREDENTIAL_MISSING",
            ("LAGO_WEBHOOK_SECRET",),
        ),
        (Plan.STARTER, {Feature.BILLING: True}, ALL_CREDENTIALS, "OFF_BY_DEFAULT", ()),
        (
            Plan.STARTER,
            {Feature.BILLING: True, Feature.WEBHOOKS: False},
            ALL_CREDENTIALS,
            "SWITCHED_OFF",
            (),
        ),
        (Plan.STARTER, EVERYTHING_ON, ALL_CREDENTIALS, "ENABLED", ()),
    ],
)
def test_what_keeps_webhooks_off_is_told_in_the_order_it_is_asked(
    plan: Plan,
    switched: dict[Feature, bool],
    present: tuple[str, ...],
    reason: str,
    lacking: tuple[str, ...],
) -> None:
    decision = feature_state(Feature.WEBHOOKS, plan, switched, present)

    assert (decision.reason, decision.lacking) == (reason, lacking)


def test_switching_a_dependency_off_switches_off_what_needs_it() -> None:
    switched = {**EVERYTHING_ON, Feature.MEMORY: False}

    decision = feature_state(Feature.RLM, Plan.ENTERPRISE, switched, ())

    assert decision == FeatureDecision(
        on=False, reason=FeatureReason.DEPENDENCY_OFF, lacking=("memory",)
    )


@given(feature=st.sampled_from(sorted(FEATURES)), plan=plans, toggles=toggles, present=credentials)
def test_an_optional_feature_is_on_only_if_everything_allows_it(
    feature: Feature, plan: Plan, toggles: dict[Feature, bool], present: set[str]
) -> None:
    terms = FEATURES[feature]

    decision = feature_state(feature, plan, toggles, present)

    assert decision.on is (
        plan >= terms.lowest_plan
        and all(feature_state(need, plan, toggles, present).on for need in terms.needs)
        and present.issuperset(terms.credentials)
        and toggles.get(feature, terms.on_by_default)
    )
    assert decision.on is (decision.reason is FeatureReason.ENABLED)
