"""Why a turn did what it did, as a message of the API."""

from collections.abc import Mapping
from typing import Final

from application.conversation.read_conversation import ExplainedTurn
from domain.conversation.phase import Attempt, LaneUse, PhaseTime
from domain.conversation.trace import DecisionTrace, SelectionTrace, Setting
from domain.conversation.turn import Usage
from domain.kernel.metering import Metric
from domain.tools.invocation import Invocation
from entrypoints.grpc.names import capability_name, invocation_name, turn_name
from somagent.budget.v1 import budget_pb2
from somagent.capability.v1 import capability_pb2
from somagent.capsule.v1 import capsule_pb2
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.tools.v1 import tools_pb2

_FALL_REASONS: Final = frozenset(capability_pb2.FallReason.keys())


def trace_of_domain(tenant: str, explained: ExplainedTurn) -> pb.DecisionTrace:
    turn, trace = explained.turn, explained.trace
    return pb.DecisionTrace(
        turn=turn_name(tenant, turn.session_id, turn.id),
        phases=[_phase(one) for one in trace.phases],
        selection=None if trace.selection is None else _selection(tenant, trace.selection),
        derived_settings=_settings(trace.settings) if trace.settings else None,
        lanes=[_lane(one, estimated=trace.estimated) for one in trace.lanes],
        holds=_holds(tenant, trace, turn.usage),
        tools=[_tool(tenant, one) for one in explained.invocations],
        memories=[
            pb.MemoryTrace(
                memory=f"tenants/{tenant}/memories/{one.memory}", score=one.score, tokens=one.tokens
            )
            for one in trace.memories
        ],
        policy_decisions=[
            pb.PolicyDecision(permission=permission, resource=resource, allowed=allowed, rule=rule)
            for permission, resource, allowed, rule in trace.decisions
        ],
        model_calls=[_model_call(tenant, one) for one in trace.attempts],
    )


def _phase(one: PhaseTime) -> pb.PhaseTrace:
    return pb.PhaseTrace(
        phase=pb.Phase.Value(f"PHASE_{one.phase.name}"),
        start_offset_micros=one.offset_us,
        duration_micros=one.duration_us,
        status=pb.PhaseStatus.Value(f"PHASE_STATUS_{one.status.name}"),
        note=one.note,
    )


def _selection(tenant: str, selection: SelectionTrace) -> capability_pb2.Selection:
    chain = (selection.chosen, *selection.fallbacks)
    standing = [
        capability_pb2.Candidate(
            capability=capability_name(tenant, name),
            outcome=(
                capability_pb2.CANDIDATE_OUTCOME_CHOSEN
                if position == 1
                else capability_pb2.CANDIDATE_OUTCOME_FALLBACK
            ),
            position=position,
        )
        for position, name in enumerate(chain, 1)
    ]
    fallen = [
        capability_pb2.Candidate(
            capability=capability_name(tenant, one.capability),
            outcome=capability_pb2.CANDIDATE_OUTCOME_FELL_OUT,
            reason=_fall_reason(one.reason),
            note=one.detail,
        )
        for one in selection.fell_out
    ]
    return capability_pb2.Selection(
        chosen=capability_name(tenant, selection.chosen),
        fallbacks=[capability_name(tenant, name) for name in selection.fallbacks],
        candidates=[*standing, *fallen],
    )


def _fall_reason(reason: str) -> "capability_pb2.FallReason.ValueType":
    name = f"FALL_REASON_{reason}"
    known = name if name in _FALL_REASONS else "FALL_REASON_UNSPECIFIED"
    return capability_pb2.FallReason.Value(known)


def _settings(settings: Mapping[str, Setting]) -> capsule_pb2.DerivedSettings:
    def number(name: str) -> int:
        value = settings.get(name, 0)
        return int(value) if isinstance(value, int | float) else 0

    def text(name: str) -> str:
        return str(settings.get(name, "unspecified")).upper()

    temperature = settings.get("temperature", 0.0)
    return capsule_pb2.DerivedSettings(
        temperature=float(temperature) if isinstance(temperature, int | float) else 0.0,
        max_tokens=number("max_tokens"),
        rlm_iterations=number("rlm_iterations"),
        recall_limit=number("recall_limit"),
        model_tier=capability_pb2.Tier.Value(f"TIER_{text('model_tier')}"),
        brain_query=settings.get("brain_query") is True,
        rlm_max_depth=number("rlm_max_depth"),
        rlm_thinking_tokens=number("rlm_thinking_tokens"),
        human_approval_required=settings.get("human_approval_required") is True,
        tool_approval=capsule_pb2.ToolApproval.Value(f"TOOL_APPROVAL_{text('tool_approval')}"),
        egress_allowed=capsule_pb2.Egress.Value(f"EGRESS_{text('egress_allowed')}"),
        token_limit=number("token_limit"),
        cost_tier=capability_pb2.Tier.Value(f"TIER_{text('cost_tier')}"),
        thinking_budget_tokens=number("thinking_budget"),
    )


def _lane(one: LaneUse, *, estimated: bool) -> pb.LaneTrace:
    return pb.LaneTrace(
        lane=pb.Lane.Value(f"LANE_{one.lane.upper()}"),
        budget_tokens=one.budget,
        used_tokens=one.used,
        items=one.items,
        cut_items=one.cut,
        estimated=estimated,
    )


def _holds(tenant: str, trace: DecisionTrace, usage: Usage) -> list[budget_pb2.Hold]:
    """What the tenant's own account held; calls are held as they are made, one by one."""
    if not (trace.held_tokens or trace.overrun):
        return []
    account = budget_pb2.Account(kind=budget_pb2.ACCOUNT_KIND_TENANT, id=tenant)
    figures = (
        (Metric.TOKENS, trace.held_tokens, usage.tokens),
        (Metric.TOOL_CALLS, usage.tool_calls, usage.tool_calls),
        (Metric.API_CALLS, usage.api_calls, usage.api_calls),
    )
    return [
        budget_pb2.Hold(
            account=account,
            metric=budget_pb2.Metric.Value(f"METRIC_{metric.name}"),
            held=held,
            used=used,
            overrun=trace.overrun.get(metric, 0),
        )
        for metric, held, used in figures
        if held or trace.overrun.get(metric)
    ]


def _tool(tenant: str, one: Invocation) -> pb.ToolTrace:
    return pb.ToolTrace(
        invocation=invocation_name(tenant, one.id),
        tool=one.tool,
        state=tools_pb2.InvocationState.Value(f"INVOCATION_STATE_{one.state.name}"),
        round=one.round,
        reason=one.reason,
    )


def _model_call(tenant: str, one: Attempt) -> pb.ModelCallTrace:
    return pb.ModelCallTrace(
        capability=capability_name(tenant, one.capability),
        provider=one.provider,
        model=one.model,
        round=one.round,
        outcome=one.outcome,
        provider_request_id=one.request_id,
        finish_reason=one.finish_reason,
        prompt_tokens=one.prompt_tokens,
        completion_tokens=one.completion_tokens,
        first_byte_micros=one.first_byte_us,
        confidence=one.confidence,
    )
