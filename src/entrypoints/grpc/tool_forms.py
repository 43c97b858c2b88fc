"""Tools, their calls and what becomes of these, as messages of the API."""

from types import MappingProxyType
from typing import Final

from domain.tools.invocation import Invocation, InvocationState
from domain.tools.invocation_event import (
    CallAccepted,
    CallAwaitsApproval,
    CallStarted,
    InvocationEvent,
)
from domain.tools.tool import Tool
from entrypoints.grpc.conversation_resources import timestamp
from entrypoints.grpc.names import invocation_name
from somagent.tools.v1 import tools_pb2 as pb

SAID_BY_STATE: Final = MappingProxyType(
    {
        InvocationState.REJECTED: "APPROVAL_REJECTED",
        InvocationState.EXPIRED: "APPROVAL_EXPIRED",
    }
)
"""Why a call did not succeed, where its state alone says it."""


def tool_form(tool: Tool) -> pb.Tool:
    return pb.Tool(
        tool=tool.name,
        description=tool.description,
        input_schema=tool.schema,
        effect=_effect(tool),
        dangerous=tool.dangerous,
    )


def invocation_form(tenant: str, invocation: Invocation, turn: str = "") -> pb.Invocation:
    """`turn` is the name of the turn it is of; empty where a client called the tool by itself."""
    one = invocation
    succeeded = one.state is InvocationState.SUCCEEDED
    return pb.Invocation(
        name=invocation_name(tenant, one.id),
        tool=one.tool,
        arguments=one.arguments,
        arguments_digest=one.digest.hex(),
        state=pb.InvocationState.Value(f"INVOCATION_STATE_{one.state.name}"),
        turn=turn,
        subject=one.requested_by,
        content=one.result if succeeded else "",
        reason="" if succeeded else one.reason or SAID_BY_STATE.get(one.state, ""),
        permit=one.permit,
        round=one.round,
        decider=one.decided_by,
        decide_time=None if one.decided_at is None else timestamp(one.decided_at),
        create_time=None if one.created_at is None else timestamp(one.created_at),
        end_time=None if one.finished_at is None else timestamp(one.finished_at),
        expire_time=None if one.expires_at is None else timestamp(one.expires_at),
        resolver=one.resolved_by,
        resolve_time=None if one.resolved_at is None else timestamp(one.resolved_at),
        note=one.note,
    )


def event_form(tenant: str, event: InvocationEvent) -> pb.InvocationEvent:
    form = pb.InvocationEvent(sequence=event.sequence, time=timestamp(event.at))
    match event.body:
        case CallAccepted():
            form.accepted.invocation = invocation_name(tenant, event.invocation.id)
            form.accepted.tool = event.invocation.tool
        case CallAwaitsApproval(expires_at):
            form.approval_requested.expire_time.CopyFrom(timestamp(expires_at))
        case CallStarted(deadline):
            form.started.deadline.CopyFrom(timestamp(deadline))
        case _:
            form.ended.invocation.CopyFrom(invocation_form(tenant, event.invocation))
    return form


def _effect(tool: Tool) -> "pb.ToolEffect.ValueType":
    if not tool.effect:
        return pb.TOOL_EFFECT_NONE
    return pb.TOOL_EFFECT_EXACTLY_ONCE if tool.idempotent else pb.TOOL_EFFECT_AT_MOST_ONCE
