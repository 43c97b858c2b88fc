"""The rule that ranks capabilities for a need."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from domain.capability.capability import Capability, Modality, ToolCalling
from domain.capability.errors import NoCapabilityError
from domain.capability.route import CAPABILITY_ROUTING, Route, place_on
from domain.kernel.tier import Tier


class FallReason(StrEnum):
    """Why a candidate fell out. They are asked in this order, and the first that holds is given."""

    DISABLED = "DISABLED"
    MODALITY = "MODALITY"
    NOT_ON_ROUTE = "NOT_ON_ROUTE"
    PLAN_TOO_LOW = "PLAN_TOO_LOW"
    NOT_IN_CAPSULE = "NOT_IN_CAPSULE"
    DENIED = "DENIED"
    BREAKER_OPEN = "BREAKER_OPEN"
    WINDOW_TOO_SMALL = "WINDOW_TOO_SMALL"
    COST_TIER = "COST_TIER"
    TOOL_CALLING = "TOOL_CALLING"
    OVER_RESOURCE_BUDGET = "OVER_RESOURCE_BUDGET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a turn requires of a capability.

    Attributes:
        modality: What it must serve.
        model_tier: The tier wanted; others serve where it has none.
        cost_ceiling: The dearest tier allowed.
        minimum_window: Tokens that its window must hold.
        tool_calling: Whether it must be able to call tools.
        allowed: The names that the capsule allows; None allows all.
        route: The order of providers to follow, where the kind of work has one.
        enterprise: Whether the tenant may use what only the highest plan has.
        resource_budget: USD that is left for the turn; None asks for no check.
        prompt_tokens: Tokens of the prompt, for that check.
        preferred: A name that goes before all others if nothing forbids it; empty for none.
    """

    modality: Modality
    model_tier: Tier
    cost_ceiling: Tier
    minimum_window: int = 0
    tool_calling: bool = False
    allowed: frozenset[str] | None = None
    route: Route | None = None
    enterprise: bool = False
    resource_budget: Decimal | None = None
    prompt_tokens: int = 0
    preferred: str = ""


@dataclass(frozen=True, slots=True)
class Permit:
    """Whether permission and policy allow a capability, and why."""

    allowed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FellOut:
    """A candidate that cannot serve, the reason, and what a person may read of it."""

    capability: Capability
    reason: FallReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """The ranked choice: the first, who follows if it fails, and why the others fell out."""

    chosen: Capability
    fallbacks: tuple[Capability, ...]
    fell_out: tuple[FellOut, ...]


def select(
    need: Need,
    capabilities: Iterable[Capability],
    permits: Mapping[str, Permit],
    open_breakers: Collection[str],
    scores: Mapping[str, float] | None = None,
) -> Selection:
    """Choose what serves a need, and in which order the others follow.

    Args:
        need: What is required.
        capabilities: All that are registered for the tenant.
        permits: Decisions by capability name. A name without one is denied.
        open_breakers: Providers whose circuit breaker refuses now.
        scores: Portfolio scores by name where they are active; they break ties only.

    Raises:
        NoCapabilityError: Nothing is left.
    """
    candidates: list[Capability] = []
    fell_out: list[FellOut] = []
    for capability in capabilities:
        fallen = _fall(need, capability, permits, open_breakers)
        if fallen is None:
            candidates.append(capability)
        else:
            fell_out.append(fallen)
    if not candidates:
        raise NoCapabilityError(
            need.route or need.modality,
            [(fallen.capability.name, fallen.reason) for fallen in fell_out],
        )
    known = scores or {}
    chosen, *fallbacks = sorted(candidates, key=lambda one: _place(need, one, known))
    return Selection(chosen, tuple(fallbacks), tuple(fell_out))


def _fall(
    need: Need,
    capability: Capability,
    permits: Mapping[str, Permit],
    open_breakers: Collection[str],
) -> FellOut | None:
    for reason, fails in _OF_THE_NEED:
        if fails(need, capability):
            return FellOut(capability, reason)
    permit = permits.get(capability.name, _UNDECIDED)
    if not permit.allowed:
        return FellOut(capability, FallReason.DENIED, permit.reason)
    if capability.provider in open_breakers:
        return FellOut(capability, FallReason.BREAKER_OPEN, capability.provider)
    for reason, fails in _OF_THE_LIMITS:
        if fails(need, capability):
            return FellOut(capability, reason)
    return None


def _serves_other(need: Need, capability: Capability) -> bool:
    if need.route is None:
        return capability.modality is not need.modality
    return all(stop.modality is not capability.modality for stop in CAPABILITY_ROUTING[need.route])


def _is_not_on_route(need: Need, capability: Capability) -> bool:
    return need.route is not None and place_on(need.route, capability) is None


def _is_for_enterprise(need: Need, capability: Capability) -> bool:
    if need.enterprise or need.route is None:
        return False
    place = place_on(need.route, capability)
    return place is not None and CAPABILITY_ROUTING[need.route][place].enterprise_only


def _is_over_budget(need: Need, capability: Capability) -> bool:
    """Whether the prompt and a reply of one token cost more than is left."""
    if need.resource_budget is None:
        return False
    cost = capability.price.cost(prompt=need.prompt_tokens, reply=1)
    return cost > need.resource_budget


_Rule = tuple[FallReason, Callable[[Need, Capability], bool]]

_OF_THE_NEED: Final[tuple[_Rule, ...]] = (
    (FallReason.DISABLED, lambda _, one: not one.enabled),
    (FallReason.MODALITY, _serves_other),
    (FallReason.NOT_ON_ROUTE, _is_not_on_route),
    (FallReason.PLAN_TOO_LOW, _is_for_enterprise),
    (
        FallReason.NOT_IN_CAPSULE,
        lambda need, one: need.allowed is not None and one.name not in need.allowed,
    ),
)

_OF_THE_LIMITS: Final[tuple[_Rule, ...]] = (
    (FallReason.WINDOW_TOO_SMALL, lambda need, one: one.context_window < need.minimum_window),
    (FallReason.COST_TIER, lambda need, one: one.cost_tier.rank > need.cost_ceiling.rank),
    (
        FallReason.TOOL_CALLING,
        lambda need, one: need.tool_calling and one.tool_calling is ToolCalling.NONE,
    ),
    (FallReason.OVER_RESOURCE_BUDGET, _is_over_budget),
)

_UNDECIDED: Final = Permit(allowed=False, reason="no decision")

_Place = tuple[bool, int, int, int, int, float, str]


def _place(need: Need, capability: Capability, scores: Mapping[str, float]) -> _Place:
    """The sorting key: who was asked for, the route, the tier, the cost, the priority, the score.

    The tier wanted goes first, then lower ones from the nearest, then higher ones from the nearest.
    """
    wanted = need.model_tier.rank
    rank = capability.model_tier.rank  # above `wanted` it is also above every distance below it
    return (
        capability.name != need.preferred,
        0 if need.route is None else place_on(need.route, capability) or 0,
        wanted - rank if rank <= wanted else rank,
        capability.cost_tier.rank,
        -capability.priority,
        -scores.get(capability.name, 0.0),
        capability.name,
    )
