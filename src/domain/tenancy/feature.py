"""The features, and the rule that says whether one is on for a tenant."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.tenancy.errors import FeatureDisabledError
from domain.tenancy.plan import Plan


class Feature(StrEnum):
    CHAT = "chat"
    AUTH = "auth"
    CAPSULE = "capsule"
    AGENTIQ = "agentiq"
    PERMISSIONS = "permissions"
    BILLING = "billing"
    BUDGETING = "budgeting"
    MEMORY = "memory"
    LEARNING = "learning"
    TOOLS = "tools"
    VOICE = "voice"
    IMAGES = "images"
    VISION = "vision"
    RLM = "rlm"
    WEBHOOKS = "webhooks"
    MCP = "mcp"


CORE_FEATURES: Final = frozenset(
    {Feature.CHAT, Feature.AUTH, Feature.CAPSULE, Feature.AGENTIQ, Feature.PERMISSIONS}
)
"""Features that are always on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureTerms:
    """What an optional feature needs; `credentials` are names of entries in the secret store."""

    on_by_default: bool
    needs: tuple[Feature, ...] = ()
    credentials: tuple[str, ...] = ()
    lowest_plan: Plan


_OPENAI: Final = ("OPENAI_API_KEY",)

FEATURES: Final[Mapping[Feature, FeatureTerms]] = MappingProxyType(
    {
        Feature.BILLING: FeatureTerms(
            on_by_default=False,
            credentials=("LAGO_API_URL", "LAGO_API_KEY"),
            lowest_plan=Plan.STARTER,
        ),
        Feature.BUDGETING: FeatureTerms(on_by_default=True, lowest_plan=Plan.FREE),
        Feature.MEMORY: FeatureTerms(on_by_default=True, lowest_plan=Plan.FREE),
        Feature.LEARNING: FeatureTerms(
            on_by_default=False, needs=(Feature.MEMORY,), lowest_plan=Plan.STARTER
        ),
        Feature.TOOLS: FeatureTerms(on_by_default=True, lowest_plan=Plan.FREE),
        Feature.VOICE: FeatureTerms(
            on_by_default=False, credentials=_OPENAI, lowest_plan=Plan.STARTER
        ),
        Feature.IMAGES: FeatureTerms(
            on_by_default=False, credentials=_OPENAI, lowest_plan=Plan.STARTER
        ),
        Feature.VISION: FeatureTerms(
            on_by_default=False, credentials=_OPENAI, lowest_plan=Plan.STARTER
        ),
        Feature.RLM: FeatureTerms(
            on_by_default=False, needs=(Feature.MEMORY,), lowest_plan=Plan.TEAM
        ),
        Feature.WEBHOOKS: FeatureTerms(
            on_by_default=False,
            needs=(Feature.BILLING,),
            credentials=("LAGO_WEBHOOK_SECRET",),
            lowest_plan=Plan.STARTER,
        ),
        Feature.MCP: FeatureTerms(
            on_by_default=False, needs=(Feature.TOOLS,), lowest_plan=Plan.TEAM
        ),
    }
)


class FeatureReason(StrEnum):
    """Why a feature is on or off. The first that keeps it off, in this order, is given."""

    CORE = "CORE"
    PLAN_TOO_LOW = "PLAN_TOO_LOW"
    DEPENDENCY_OFF = "DEPENDENCY_OFF"
    CREDENTIAL_MISSING = "CREDENTIAL_MISSING"
    SWITCHED_OFF = "SWITCHED_OFF"
    OFF_BY_DEFAULT = "OFF_BY_DEFAULT"
    ENABLED = "ENABLED"


@dataclass(frozen=True, slots=True)
class FeatureDecision:
    """Whether a feature is on, and why.

    `lacking` names what keeps it off: the lowest plan, the features or the credentials.
    """

    on: bool
    reason: FeatureReason
    lacking: tuple[str, ...] = ()


def feature_state(
    feature: Feature,
    plan: Plan,
    toggles: Mapping[Feature, bool],
    credentials: Collection[str],
) -> FeatureDecision:
    """Decide whether a feature is on, asking the plan, its dependencies, credentials, the toggle.

    Args:
        feature: The one asked about.
        plan: The tenant's.
        toggles: What the tenant switched on or off; where he said nothing the default holds.
        credentials: The names of those that are in the tenant's secret store.
    """
    if feature in CORE_FEATURES:
        return FeatureDecision(on=True, reason=FeatureReason.CORE)
    terms = FEATURES[feature]
    if plan < terms.lowest_plan:
        return _off(FeatureReason.PLAN_TOO_LOW, terms.lowest_plan.value)
    off = [
        need.value for need in terms.needs if not feature_state(need, plan, toggles, credentials).on
    ]
    if off:
        return _off(FeatureReason.DEPENDENCY_OFF, *off)
    if missing := [name for name in terms.credentials if name not in credentials]:
        return _off(FeatureReason.CREDENTIAL_MISSING, *missing)
    if toggles.get(feature, terms.on_by_default):
        return FeatureDecision(on=True, reason=FeatureReason.ENABLED)
    return _off(FeatureReason.SWITCHED_OFF if feature in toggles else FeatureReason.OFF_BY_DEFAULT)


def _off(reason: FeatureReason, *lacking: str) -> FeatureDecision:
    return FeatureDecision(on=False, reason=reason, lacking=lacking)


@dataclass(frozen=True, slots=True)
class Subscription:
    """What decides about a tenant's features: its plan, and what it switched on or off.

    Nothing here has credentials: a feature that needs some is off.
    """

    plan: Plan
    toggles: Mapping[Feature, bool] = field(default_factory=dict[Feature, bool])

    def decide(self, feature: Feature) -> FeatureDecision:
        return feature_state(feature, self.plan, self.toggles, ())

    def check(self, feature: Feature) -> None:
        """Raises: FeatureDisabledError: It is off."""
        decision = self.decide(feature)
        if not decision.on:
            raise FeatureDisabledError(feature.value, decision.reason.value, decision.lacking)
