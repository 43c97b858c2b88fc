"""Commands of turns as rows of parameters; what no batch could take is refused here."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from adapters.postgres.outgoing import Outgoing
from adapters.postgres.packing import Value, float8
from adapters.postgres.turn_codec import (
    encode_checkpoint,
    encode_events,
    encode_outcome,
    encode_terms,
)
from application.conversation.ports.journal import AcceptTurn, ExtendTurn, FinishTurn
from domain.budget.account import Hold, Use
from domain.conversation.turn import TurnState
from domain.conversation.turn_event import TurnEvent
from domain.kernel.errors import InvalidArgumentError
from domain.tools.invocation import Invocation

Row: TypeAlias = Sequence[Value]
Lines: TypeAlias = Sequence[Row]
InvocationObject: TypeAlias = Mapping[str, object]

LARGEST: int = 2**63 - 1


def text(field: str, value: str) -> bytes:
    """A text as a column takes it.

    Raises:
        InvalidArgumentError: It holds a NUL or a lone surrogate.
    """
    try:
        encoded = value.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(field, f"no text: {error.reason}") from error
    if b"\0" in encoded:
        raise InvalidArgumentError(field, "a text holds a NUL")
    return encoded


def number(field: str, value: int, most: int = LARGEST) -> int:
    """Raises: InvalidArgumentError: It is not in 0 to `most`."""
    if not 0 <= value <= most:
        raise InvalidArgumentError(field, f"must be 0 to {most}")
    return value


def hold_rows(holds: Sequence[Hold]) -> Lines:
    """Rows of `merged` holds: account, metric, amount, required."""
    return [
        (hold.account_id.bytes, hold.metric.code, hold.amount, b"\1" if hold.required else b"\0")
        for hold in holds
    ]


def use_rows(uses: Sequence[Use]) -> Lines:
    """Rows of `summed` uses: metric, amount, price version."""
    return [
        (use.metric.code, use.amount, number("price_version", use.price_version, 2**31 - 1))
        for use in uses
    ]


def event_batch(events: Sequence[TurnEvent]) -> tuple[int, int, bytes]:
    """The first and the last number that the events stand for, and their bytes; zeros for none."""
    if not events:
        return 0, 0, b""
    first = number("events.sequence", events[0].sequence)
    return first, number("events.sequence", events[-1].last_sequence), encode_events(events)


def accept_row(command: AcceptTurn, outgoing: Outgoing) -> Row:
    return (
        command.tenant_id.bytes,
        command.session_id.bytes,
        text("request_id", command.request_id),
        command.digest,
        command.turn_id.bytes,
        command.capsule_version_id.bytes,
        command.message_id.bytes,
        text("text", command.order.text),
        encode_terms(command.order),
        float8(command.seconds),
        command.last_event,
        *outgoing.row(command.event),
    )


def extend_row(command: ExtendTurn) -> Row:
    return (
        command.tenant_id.bytes,
        command.turn_id.bytes,
        number("fence", command.fence),
        number("round", command.round, 2**31 - 1),
        encode_checkpoint(command.checkpoint),
    )


def finish_row(command: FinishTurn) -> Row:
    first, last, events = event_batch(command.events)
    return (
        command.tenant_id.bytes,
        command.turn_id.bytes,
        number("fence", command.fence),
        command.state,
        command.message_id.bytes,
        text("answer", command.answer if command.state is TurnState.COMPLETED else ""),
        encode_outcome(command.usage, command.failure),
        command.trace,
        first,
        last,
        events,
        command.record_id.bytes,
        command.record,
        command.nonce,
    )


def invocation_objects(invocations: Sequence[Invocation]) -> Sequence[InvocationObject]:
    """Calls as `write_invocations` reads them, but for the index of their command."""
    return [_object(invocation) for invocation in invocations]


def _object(call: Invocation) -> InvocationObject:
    texts: Mapping[str, str] = {
        "call_id": call.call_id,
        "tool": call.tool,
        "arguments": call.arguments,
        "permit": call.permit,
        "result": call.result,
        "reason": call.reason,
        "requested_by": call.requested_by,
        "decided_by": call.decided_by,
    }
    for name, value in texts.items():
        text(f"invocations.{name}", value)
    return {
        **texts,
        "invocation_id": call.id,
        "round": number("invocations.round", call.round, 2**31 - 1),
        "digest": call.digest.hex(),
        "effect": call.effect,
        "state": call.state,
        "decided_at": call.decided_at,
        "expires_at": call.expires_at,
        "created_at": call.created_at,
        "finished_at": call.finished_at,
    }


def at_index(
    groups: Sequence[Sequence[InvocationObject]], encode: Callable[[object], bytes]
) -> bytes | None:
    """The calls of a batch's commands with their commands' indices, as JSON; None for none."""
    flat = [{"command": place, **found} for place, group in enumerate(groups, 1) for found in group]
    return encode(flat) if flat else None
