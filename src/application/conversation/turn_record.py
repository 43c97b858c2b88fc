"""What is kept of how a turn went: its provenance record, and its decision trace."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from application.conversation.ending import Ending
from application.conversation.holds import turn_uses
from application.conversation.plan import TurnPlan
from application.conversation.progress import Progress
from application.conversation.running_turn import RunningTurn
from application.kernel.ports import Json
from domain.conversation.phase import Phase, PhaseStatus, PhaseTime
from domain.conversation.turn import TurnState
from domain.kernel.metering import list_price_micro_usd
from domain.provenance.record import (
    CapsuleUse,
    Cost,
    LaneUse,
    MemoryUse,
    ModelUse,
    PolicyDecision,
    ProvenanceRecord,
    Scalar,
    TokenUse,
    ToolUse,
    TurnContent,
)
from domain.provenance.record import PhaseTime as RecordedPhase
from domain.provenance.salted_hash import SaltedHash, salted_hash
from domain.tenancy.feature import Feature


def turn_record(
    turn: RunningTurn,
    progress: Progress,
    ending: Ending,
    *,
    nonce: bytes,
    at: datetime,
) -> ProvenanceRecord:
    """Everything that the answer rests on; personal content only as hashes salted with `nonce`."""
    plan, usage = progress.plan, progress.usage
    took = timedelta(microseconds=progress.microseconds())
    return ProvenanceRecord(
        id=ending.record_id,
        tenant_id=turn.tenant_id,
        subject=salted_hash(nonce, ending.order.principal.subject),
        started_at=progress.started_at or at - took,
        finished_at=at,
        outcome=ending.state.name.lower(),
        reason=ending.reason,
        content=TurnContent(
            turn_id=turn.turn_id,
            session_id=turn.session_id,
            capsule=_capsule(plan, ending),
            settings=_settings(plan),
            question=salted_hash(nonce, ending.order.text),
            answer=salted_hash(nonce, ending.text) if ending.state is TurnState.COMPLETED else None,
            models=tuple(
                ModelUse(
                    round=one.round,
                    capability=one.capability,
                    provider=one.provider,
                    model=one.model,
                    request_id=one.request_id,
                    finish_reason=one.finish_reason,
                    failed="" if one.outcome == "ok" else one.outcome,
                    confidence=one.confidence,
                )
                for one in progress.attempts
            ),
            memories=tuple(
                MemoryUse(id=one.id, digest=SaltedHash(one.digest)) for one in progress.memories
            ),
            tools=tuple(
                ToolUse(
                    invocation_id=one.id,
                    round=one.round,
                    tool=one.tool,
                    arguments=salted_hash(nonce, one.arguments),
                    result=salted_hash(nonce, one.result) if one.result else None,
                    state=one.state.name,
                    permit=one.permit,
                    reason=one.reason,
                    effect=one.effect,
                )
                for one in progress.invocations
            ),
            decisions=tuple(
                PolicyDecision(
                    permission=one.permission,
                    resource=resource,
                    allowed=one.allowed,
                    rule=one.rule,
                    reason=one.reason,
                )
                for resource, one in progress.decisions
            ),
            lanes=tuple(
                LaneUse(lane=one.lane, budget=one.budget, used=one.used, cut=one.cut)
                for one in progress.lanes
            ),
            usage=TokenUse(
                prompt=usage.prompt_tokens,
                completion=usage.completion_tokens,
                cached=usage.cached_tokens,
                reasoning=usage.reasoning_tokens,
                tool_calls=usage.tool_calls,
                api_calls=usage.api_calls,
                estimated=usage.estimated,
            ),
            costs=tuple(
                Cost(
                    metric=use.metric,
                    amount=use.amount,
                    price_version=use.price_version,
                    list_price_micro_usd=list_price_micro_usd(use.metric, use.amount),
                )
                for use in turn_uses(usage)
            ),
            provider_cost_micro_usd=usage.provider_cost_micro_usd,
            phases=tuple(RecordedPhase(one.phase.value, one.duration_us) for one in progress.times),
            degraded=tuple(what for what, _ in progress.degraded),
        ),
    )


def turn_trace(progress: Progress) -> Json:
    """Why the turn did what it did, as operators read it. It holds no content.

    It is committed with the turn's end, so of the phases that follow it can only say that they do.
    """
    plan, now = progress.plan, progress.microseconds()
    times = (
        *progress.times,
        PhaseTime(Phase.SAVE, now, 0, PhaseStatus.OK, "this trace is part of its commit"),
        PhaseTime(Phase.LEARN, now, 0, PhaseStatus.SKIPPED, _why_not_learned(plan)),
        PhaseTime(Phase.OBSERVE, now, 0, PhaseStatus.OK),
    )
    return {
        "phases": [
            [one.phase.value, one.offset_us, one.duration_us, one.status.value, one.note]
            for one in times
        ],
        "selection": None if plan is None else _selection(plan),
        "settings": {**_settings(plan), **_further_settings(plan)},
        "lanes": [[one.lane, one.budget, one.used, one.items, one.cut] for one in progress.lanes],
        "counts": "none" if plan is None else "exact" if plan.context.exact else "estimated",
        "held_tokens": progress.held_tokens,
        "attempts": [
            {
                "capability": one.capability,
                "provider": one.provider,
                "model": one.model,
                "round": one.round,
                "outcome": one.outcome,
                "request_id": one.request_id,
                "finish_reason": one.finish_reason,
                "prompt_tokens": one.prompt_tokens,
                "completion_tokens": one.completion_tokens,
                "first_byte_us": one.first_byte_us,
                "confidence": one.confidence,
            }
            for one in progress.attempts
        ],
        "memories": [
            [str(one.id), one.score, tokens]
            for one, tokens in zip(progress.memories, progress.memory_tokens, strict=True)
        ],
        "decisions": [
            [one.permission, resource, one.allowed, one.rule, one.reason]
            for resource, one in progress.decisions
        ],
        "degraded": [list(one) for one in progress.degraded],
    }


def _selection(plan: TurnPlan) -> Json:
    selection = plan.settings.selection
    names: Sequence[Json] = [one.name for one in selection.fallbacks]
    return {
        "chosen": selection.chosen.name,
        "fallbacks": list(names),
        "fell_out": [
            [one.capability.name, one.reason.value, one.detail] for one in selection.fell_out
        ],
    }


def _capsule(plan: TurnPlan | None, ending: Ending) -> CapsuleUse:
    if plan is None:
        return CapsuleUse(version_id=ending.capsule_version_id, name="", version="", digest=b"")
    manifest = plan.settings.manifest
    return CapsuleUse(
        version_id=ending.capsule_version_id,
        name=manifest.name,
        version=manifest.version,
        digest=plan.settings.capsule.capsule.hash,
    )


def _settings(plan: TurnPlan | None) -> dict[str, Scalar]:
    if plan is None:
        return {}
    derived = plan.settings.derived
    return {
        "temperature": derived.temperature,
        "max_tokens": derived.max_tokens,
        "rlm_iterations": derived.rlm_iterations,
        "recall_limit": derived.recall_limit,
        "model_tier": derived.model_tier.value,
        "tool_approval": derived.tool_approval.value,
        "egress_allowed": derived.egress_allowed.value,
        "token_limit": derived.token_limit,
        "cost_tier": derived.cost_tier.value,
        "reply_bound": plan.context.reply,
    }


def _further_settings(plan: TurnPlan | None) -> dict[str, Scalar]:
    """What the trace shows besides: settings that the answer does not rest on yet."""
    if plan is None:
        return {}
    derived = plan.settings.derived
    return {
        "brain_query": derived.brain_query,
        "rlm_max_depth": derived.rlm_max_depth,
        "rlm_thinking_tokens": derived.rlm_thinking_tokens,
        "human_approval_required": derived.human_approval_required,
        "thinking_budget": derived.thinking_budget,
    }


def _why_not_learned(plan: TurnPlan | None) -> str:
    if plan is None:
        return "the turn was not planned"
    learning = plan.settings.subscription.decide(Feature.LEARNING)
    if learning.on:
        return "this release learns nothing from turns"
    return f"the feature learning is off: {learning.reason}"
