"""The JSON of a provenance record, schema v1 (contracts/receipts.md)."""

from datetime import UTC, datetime

from application.kernel.ports import Json
from domain.provenance.record import (
    RECORD_SCHEMA,
    CapsuleUse,
    Cost,
    ExternalContent,
    LaneUse,
    MemoryUse,
    ModelUse,
    PolicyDecision,
    ProvenanceRecord,
    TokenUse,
    ToolUse,
    TurnContent,
)
from domain.provenance.salted_hash import SaltedHash


def form_of(record: ProvenanceRecord) -> Json:
    """Every field of the record, always present, so that a reader finds null and never nothing."""
    content = (
        {"turn": _turn(record.content)}
        if isinstance(record.content, TurnContent)
        else {"external": _external(record.content)}
    )
    return {
        "schema": RECORD_SCHEMA,
        "id": str(record.id),
        "tenant": str(record.tenant_id),
        "kind": record.kind.value,
        "subject": record.subject.hex(),
        "started_at": instant(record.started_at),
        "finished_at": instant(record.finished_at),
        "outcome": record.outcome,
        "reason": record.reason,
        **content,
    }


def instant(time: datetime) -> str:
    """RFC 3339 in UTC with six decimals: one text for one instant."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _turn(turn: TurnContent) -> Json:
    return {
        "turn": str(turn.turn_id),
        "session": str(turn.session_id),
        "capsule": _capsule(turn.capsule),
        "settings": dict(turn.settings),
        "question": turn.question.hex(),
        "answer": _hex(turn.answer),
        "models": [_model(one) for one in turn.models],
        "memories": [_memory(one) for one in turn.memories],
        "tools": [_tool(one) for one in turn.tools],
        "decisions": [_decision(one) for one in turn.decisions],
        "lanes": [_lane(one) for one in turn.lanes],
        "usage": _usage(turn.usage),
        "costs": [_cost(one) for one in turn.costs],
        "provider_cost_micro_usd": turn.provider_cost_micro_usd,
        "phases": [{"phase": one.phase, "microseconds": one.microseconds} for one in turn.phases],
        "degraded": list(turn.degraded),
    }


def _external(content: ExternalContent) -> Json:
    return {
        "action": content.action,
        "resource": content.resource,
        "facts": dict(content.facts),
        "input": _hex(content.input),
        "output": _hex(content.output),
    }


def _capsule(capsule: CapsuleUse) -> Json:
    return {
        "version_id": str(capsule.version_id),
        "name": capsule.name,
        "version": capsule.version,
        "sha256": capsule.digest.hex(),
        "constitution": capsule.constitution,
    }


def _model(model: ModelUse) -> Json:
    return {
        "round": model.round,
        "capability": model.capability,
        "provider": model.provider,
        "model": model.model,
        "request_id": model.request_id,
        "finish_reason": model.finish_reason,
        "failed": model.failed,
        "confidence": model.confidence,
    }


def _memory(memory: MemoryUse) -> Json:
    return {"id": str(memory.id), "text": memory.digest.hex()}


def _tool(tool: ToolUse) -> Json:
    return {
        "invocation": str(tool.invocation_id),
        "round": tool.round,
        "tool": tool.tool,
        "arguments": tool.arguments.hex(),
        "result": _hex(tool.result),
        "state": tool.state,
        "permit": tool.permit,
        "reason": tool.reason,
        "effect": tool.effect,
    }


def _decision(decision: PolicyDecision) -> Json:
    return {
        "permission": decision.permission,
        "resource": decision.resource,
        "allowed": decision.allowed,
        "rule": decision.rule,
        "reason": decision.reason,
    }


def _lane(lane: LaneUse) -> Json:
    return {"lane": lane.lane, "budget": lane.budget, "used": lane.used, "cut": lane.cut}


def _usage(usage: TokenUse) -> Json:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "cached_tokens": usage.cached,
        "reasoning_tokens": usage.reasoning,
        "tool_calls": usage.tool_calls,
        "api_calls": usage.api_calls,
        "estimated": usage.estimated,
    }


def _cost(cost: Cost) -> Json:
    return {
        "metric": cost.metric.value,
        "amount": cost.amount,
        "price_version": cost.price_version,
        "list_price_micro_usd": cost.list_price_micro_usd,
    }


def _hex(digest: SaltedHash | None) -> str | None:
    return None if digest is None else digest.hex()
