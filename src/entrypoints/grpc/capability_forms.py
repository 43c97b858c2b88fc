"""Capabilities, needs and selections as messages of the API."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from application.capability.select_capability import Explanation
from domain.capability.capability import Capability, Modality, ToolCalling
from domain.capability.route import Route
from domain.capability.selection import Need, Selection
from domain.kernel.provider_price import ProviderPrice
from domain.kernel.tier import Tier
from entrypoints.grpc.names import capability_name
from somagent.capability.v1 import capability_pb2 as pb

_MICRO: Final = 1_000_000


def capability_form(tenant: str, capability: Capability) -> pb.Capability:
    price = capability.price
    return pb.Capability(
        name=capability_name(tenant, capability.name),
        modality=pb.Modality.Value(f"MODALITY_{capability.modality.name}"),
        provider=capability.provider,
        model=capability.model,
        model_tier=pb.Tier.Value(f"TIER_{capability.model_tier.name}"),
        cost_tier=pb.Tier.Value(f"TIER_{capability.cost_tier.name}"),
        context_window_tokens=capability.context_window,
        price=pb.Price(
            input_micro_usd=int(price.input * _MICRO),
            output_micro_usd=int(price.output * _MICRO),
            cached_input_micro_usd=int(price.cached * _MICRO),
        ),
        tool_calling=pb.ToolCalling.Value(f"TOOL_CALLING_{capability.tool_calling.name}"),
        priority=capability.priority,
        enabled=capability.enabled,
        token_probabilities=capability.supports_logprobs,
    )


def capability_of_form(name: str, form: pb.Capability) -> Capability:
    """What a tenant registers under a name.

    Raises:
        CapabilityInvalidError: It cannot be one.
    """
    return Capability(
        name=name,
        modality=modality_of(form.modality),
        provider=form.provider,
        model=form.model,
        model_tier=_tier_of(form.model_tier, Tier.STANDARD),
        cost_tier=_tier_of(form.cost_tier, Tier.STANDARD),
        context_window=form.context_window_tokens,
        price=ProviderPrice(
            input=Decimal(form.price.input_micro_usd) / _MICRO,
            cached=Decimal(form.price.cached_input_micro_usd) / _MICRO,
            output=Decimal(form.price.output_micro_usd) / _MICRO,
        ),
        tool_calling=_tool_calling_of(form.tool_calling),
        priority=form.priority,
        enabled=form.enabled,
        supports_logprobs=form.token_probabilities,
    )


def need_of(form: pb.Need) -> Need:
    """What is required; what is left open asks for nothing, and prefers what is ordinary."""
    budget = form.resource_budget_micro_usd
    open_budget = not form.HasField("resource_budget_micro_usd")
    return Need(
        modality=modality_of(form.modality),
        model_tier=_tier_of(form.model_tier, Tier.STANDARD),
        cost_ceiling=_tier_of(form.cost_tier, Tier.FLAGSHIP),
        minimum_window=form.context_window_tokens,
        tool_calling=form.tool_calling,
        allowed=frozenset(form.allowed) or None,
        route=_route_of(form.route),
        resource_budget=None if open_budget else Decimal(budget) / _MICRO,
        prompt_tokens=form.prompt_tokens,
        preferred=form.preferred,
    )


def selection_form(tenant: str, need: pb.Need, selection: Selection) -> pb.Selection:
    fallen = ((one.capability.name, one.reason.value, one.detail) for one in selection.fell_out)
    return _selection(tenant, need, (selection.chosen, *selection.fallbacks), fallen)


def explanation_form(tenant: str, need: pb.Need, found: Explanation) -> pb.Selection:
    """A selection that may have chosen nothing."""
    if found.selection is not None:
        return selection_form(tenant, need, found.selection)
    return _selection(tenant, need, (), ((name, reason, "") for name, reason in found.fell_out))


def modality_of(modality: "pb.Modality.ValueType") -> Modality:
    return Modality[pb.Modality.Name(modality).removeprefix("MODALITY_")]


def _selection(
    tenant: str,
    need: pb.Need,
    chain: tuple[Capability, ...],
    fallen: Iterable[tuple[str, str, str]],
) -> pb.Selection:
    names = [capability_name(tenant, one.name) for one in chain]
    standing = [
        pb.Candidate(
            capability=name,
            outcome=(
                pb.CANDIDATE_OUTCOME_CHOSEN if position == 1 else pb.CANDIDATE_OUTCOME_FALLBACK
            ),
            position=position,
        )
        for position, name in enumerate(names, 1)
    ]
    fell_out = [
        pb.Candidate(
            capability=capability_name(tenant, name),
            outcome=pb.CANDIDATE_OUTCOME_FELL_OUT,
            reason=pb.FallReason.Value(f"FALL_REASON_{reason}"),
            note=note,
        )
        for name, reason, note in fallen
    ]
    return pb.Selection(
        chosen=names[0] if names else "",
        fallbacks=names[1:],
        candidates=[*standing, *fell_out],
        need=need,
    )


def _tier_of(tier: "pb.Tier.ValueType", otherwise: Tier) -> Tier:
    if tier == pb.TIER_UNSPECIFIED:
        return otherwise
    return Tier[pb.Tier.Name(tier).removeprefix("TIER_")]


def _tool_calling_of(calling: "pb.ToolCalling.ValueType") -> ToolCalling:
    if calling == pb.TOOL_CALLING_UNSPECIFIED:
        return ToolCalling.NONE
    return ToolCalling[pb.ToolCalling.Name(calling).removeprefix("TOOL_CALLING_")]


def _route_of(route: "pb.Route.ValueType") -> Route | None:
    if route == pb.ROUTE_UNSPECIFIED:
        return None
    return Route[pb.Route.Name(route).removeprefix("ROUTE_")]
