"""Dead letters as messages of the API, and what is asked about them."""

from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal, TypeAlias
from uuid import UUID

import grpc

from application.delivery.edit_dead_letter import EditDeadLetterCommand
from application.delivery.ports.dead_letters import LetterFilter
from application.delivery.ports.published import EventPlace, PublishedFilter
from application.delivery.replay_dead_letters import Into, ReplayDeadLettersCommand
from application.delivery.replay_events import ReplayedEvents, ReplayEventsCommand
from domain.delivery.dead_letter import Content, DeadLetter, Header, LetterState
from domain.delivery.topic import CONSUMED, TOPIC_OF
from domain.kernel.errors import DomainError, InvalidArgumentError
from domain.kernel.identifiers import DeadLetterId, RequestId
from entrypoints.grpc.caller import Caller
from entrypoints.grpc.conversation_resources import instant_of, timestamp
from entrypoints.grpc.errors import ERROR_DOMAIN, code_of, message_of
from entrypoints.grpc.foreign import not_found
from entrypoints.grpc.names import ALL_TENANTS, dead_letter_name, dead_letter_of, tenant_of
from entrypoints.grpc.paging import Page
from entrypoints.grpc.refusals import INTERNAL
from somagent.errors.v1 import error_pb2
from somagent.operations.v1 import operations_pb2 as pb

Timed: TypeAlias = pb.ListDeadLettersRequest | pb.DeadLetterFilter | pb.ReplayEventsRequest

MOST_REPLAYED: Final = 200
"""How many events one call replays where it does not say."""

MOST_LETTERS: Final = 100
"""How many letters one call replays where it does not say."""

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


def refused_forms(
    tenant: str, refused: Sequence[tuple[DeadLetterId, Exception]]
) -> Sequence[pb.RefusedDeadLetter]:
    return [
        pb.RefusedDeadLetter(name=dead_letter_name(tenant, letter_id), error=_error(refusal))
        for letter_id, refusal in refused
    ]


def _error(refusal: Exception) -> error_pb2.Error:
    if not isinstance(refusal, DomainError):
        code = grpc.StatusCode.INTERNAL.value[0]
        return error_pb2.Error(code=code, reason=INTERNAL, domain=ERROR_DOMAIN)
    code = code_of(refusal).value[0]
    return error_pb2.Error(
        code=code,
        reason=refusal.reason,
        domain=ERROR_DOMAIN,
        message=message_of(refusal),
        metadata=refusal.facts,
    )


def filter_of(caller: Caller, request: pb.ListDeadLettersRequest) -> LetterFilter:
    """Raises: InvalidArgumentError: As of `times_in`."""
    since, until = times_in(request)
    return LetterFilter(
        tenant_id=None if request.parent == ALL_TENANTS else caller.tenant_id,
        state=LetterState(request.state) if request.state else None,
        topic=request.topic,
        key=request.key,
        reason=request.reason,
        since=since,
        until=until,
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


def times_in(request: Timed) -> tuple[datetime | None, datetime | None]:
    """From when on, and before when.

    Raises:
        InvalidArgumentError: One lies beyond what a calendar has, or nothing lies between them.
    """
    since, until = _time_in(request, "start_time"), _time_in(request, "end_time")
    if since is not None and until is not None and until <= since:
        raise InvalidArgumentError("end_time", "it must be later than start_time")
    return since, until


def _time_in(request: Timed, field: Literal["start_time", "end_time"]) -> datetime | None:
    return instant_of(field, getattr(request, field)) if request.HasField(field) else None


def replay_of(
    caller: Caller, request: pb.ReplayDeadLettersRequest, page: Page, credential: Sequence[Header]
) -> ReplayDeadLettersCommand:
    """What is to be replayed.

    Raises:
        InvalidArgumentError: Neither names nor a filter say which, or both do; times as of
            `times_in`.
        DeadLetterNotFoundError: A letter is another tenant's.
    """
    if bool(request.names) == request.HasField("filter"):
        raise InvalidArgumentError("names", "give names or a filter, and not both")
    asked = None
    if request.HasField("filter"):
        since, until = times_in(request.filter)
        asked = LetterFilter(
            tenant_id=caller.tenant_id,
            topic=request.filter.topic,
            key=request.filter.key,
            reason=request.filter.reason,
            since=since,
            until=until,
        )
    return ReplayDeadLettersCommand(
        tenant_id=caller.tenant_id,
        actor=caller.principal.subject,
        credential=credential,
        into=_TARGETS[request.target],
        letters=letters_of(caller, request.names),
        asked=asked,
        limit=request.page_size or MOST_LETTERS,
        after=DeadLetterId(UUID(page.after)) if page.after else None,
    )


_TARGETS: Final = MappingProxyType(
    {
        pb.REPLAY_TARGET_UNSPECIFIED: Into.ANY,
        pb.REPLAY_TARGET_TOPIC: Into.TOPIC,
        pb.REPLAY_TARGET_CONSUMER: Into.CONSUMER,
    }
)


def events_of(caller: Caller, request: pb.ReplayEventsRequest, page: Page) -> ReplayEventsCommand:
    """Raises: InvalidArgumentError: There is no such type, or topic; times as of `times_in`."""
    if request.type and request.type not in TOPIC_OF:
        raise InvalidArgumentError("type", "no event is of this type")
    if request.topic in CONSUMED:
        raise InvalidArgumentError("topic", "this service reads it, and takes no events there")
    since, until = times_in(request)
    key, _, rest = page.after.partition("/")
    # A cursor of an earlier version does not say when its first page was asked for.
    sequence, _, begun = rest.partition("/")
    return ReplayEventsCommand(
        asked=PublishedFilter(
            tenant_id=caller.tenant_id,
            key=_event_key(caller, request.key),
            type=request.type,
            since=since,
            until=until,
        ),
        tenant=caller.tenant,
        actor=caller.principal.subject,
        request_id=RequestId(request.request_id.lower()),
        limit=request.page_size or MOST_REPLAYED,
        after=EventPlace(UUID(key), int(sequence)) if key else None,
        begun=datetime.fromisoformat(begun) if begun else None,
        topic=request.topic,
        consumer=request.consumer,
    )


def events_cursor(replayed: ReplayedEvents) -> str:
    """Behind what the page after this one begins; empty where this was the last."""
    place = replayed.ended
    return f"{place.key}/{place.sequence}/{replayed.begun.isoformat()}" if place else ""


def _event_key(caller: Caller, name: str) -> UUID | None:
    """The key that a name stands for: what owns the events, else the tenant itself."""
    if not name:
        return None
    last = name.rpartition("/")[2]
    return caller.tenant_id if name.count("/") == 1 else UUID(last)
