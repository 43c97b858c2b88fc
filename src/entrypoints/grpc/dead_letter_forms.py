"""Dead letters as messages of the API, and what is asked about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from application.delivery.discard_dead_letters import Settled
from application.delivery.edit_dead_letter import EditDeadLetterCommand
from application.delivery.ports.dead_letters import LetterFilter
from domain.delivery.dead_letter import Content, DeadLetter, LetterState
from domain.kernel.errors import DomainError, InvalidArgumentError
from domain.kernel.identifiers import DeadLetterId
from entrypoints.grpc.caller import Caller
from entrypoints.grpc.conversation_resources import instant_of, timestamp
from entrypoints.grpc.errors import ERROR_DOMAIN, code_of, message_of
from entrypoints.grpc.foreign import not_found
from entrypoints.grpc.names import ALL_TENANTS, dead_letter_name, dead_letter_of, tenant_of
from somagent.errors.v1 import error_pb2
from somagent.operations.v1 import operations_pb2 as pb

_PAYLOAD: Final = "payload"
_HEADERS: Final = "headers"


def letter_form(letter: DeadLetter, content: Content | None = None) -> pb.DeadLetter:
    """The letter as it is told; what it carries where that is given."""
    told = pb.DeadLetter(
        name=dead_letter_name(letter.tenant, letter.id),
        source=letter.source,
        origin=letter.origin,
        topic=letter.topic,
        key=letter.key,
        type=letter.type,
        payload_bytes=letter.payload_bytes,
        state=pb.DeadLetterState.Value(f"DEAD_LETTER_STATE_{letter.state.name}"),
        reason=letter.reason,
        cause=letter.cause,
        attempts=[
            pb.DeadLetter.Attempt(time=timestamp(one.at), error=one.error)
            for one in letter.attempts
        ],
        create_time=timestamp(letter.created_at),
        replaying=letter.replaying,
        settle_time=None if letter.settled_at is None else timestamp(letter.settled_at),
        settler=letter.settled_by,
        note=letter.note,
        etag=letter.etag,
    )
    if content is not None:
        told.payload = content.payload
        for name, value in content.headers:
            told.headers.add(name=name, value=value)
    return told


def refused_forms(tenant: str, settled: Settled) -> Sequence[pb.RefusedDeadLetter]:
    return [
        pb.RefusedDeadLetter(name=dead_letter_name(tenant, letter_id), error=_error(refusal))
        for letter_id, refusal in settled.refused
    ]


def _error(refusal: DomainError) -> error_pb2.Error:
    code: int = code_of(refusal).value[0]
    return error_pb2.Error(
        code=code,
        reason=refusal.reason,
        domain=ERROR_DOMAIN,
        message=message_of(refusal),
        metadata=refusal.facts,
    )


def filter_of(caller: Caller, request: pb.ListDeadLettersRequest) -> LetterFilter:
    """Raises: InvalidArgumentError: A time lies beyond what a calendar has."""
    return LetterFilter(
        tenant_id=None if request.parent == ALL_TENANTS else caller.tenant_id,
        state=LetterState(request.state) if request.state else None,
        topic=request.topic,
        key=request.key,
        reason=request.reason,
        since=_time(request, "start_time"),
        until=_time(request, "end_time"),
    )


def letters_of(caller: Caller, names: Sequence[str]) -> Sequence[DeadLetterId]:
    """The letters that are named, all of the tenant that the call is about.

    Raises:
        DeadLetterNotFoundError: One is another tenant's.
    """
    for name in names:
        if tenant_of(name) != caller.tenant:
            raise not_found(name)
    return [dead_letter_of(name) for name in names]


def edit_of(caller: Caller, request: pb.UpdateDeadLetterRequest) -> EditDeadLetterCommand:
    """Raises: InvalidArgumentError: Nothing is said to change."""
    paths = request.update_mask.paths
    if not paths:
        raise InvalidArgumentError("update_mask", "it names nothing that changes")
    headers = [(header.name, header.value) for header in request.headers]
    return EditDeadLetterCommand(
        tenant_id=caller.tenant_id,
        letter_id=dead_letter_of(request.name),
        actor=caller.principal.subject,
        headers=headers if _HEADERS in paths else None,
        payload=request.payload if _PAYLOAD in paths else None,
        etag=request.etag,
    )


def _time(
    request: pb.ListDeadLettersRequest, field: Literal["start_time", "end_time"]
) -> datetime | None:
    return instant_of(field, getattr(request, field)) if request.HasField(field) else None
