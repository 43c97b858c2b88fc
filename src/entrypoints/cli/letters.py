"""Calls about dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from entrypoints.assembly.offline import identifiers
from entrypoints.cli.client import Target, open_client
from somagent.operations.v1 import operations_pb2 as pb

PAGE: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class LettersAsked:
    """Which letters; empty means any. A time without a zone is UTC."""

    parent: str
    state: str = ""
    topic: str = ""
    key: bytes = b""
    reason: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def request(self) -> pb.ListDeadLettersRequest:
        return pb.ListDeadLettersRequest(
            parent=self.parent,
            page_size=PAGE,
            state=pb.DeadLetterState.Value(f"DEAD_LETTER_STATE_{self.state.upper()}")
            if self.state
            else pb.DEAD_LETTER_STATE_UNSPECIFIED,
            topic=self.topic,
            key=self.key,
            reason=self.reason,
            start_time=stamp(self.since),
            end_time=stamp(self.until),
        )

    def filter(self) -> pb.DeadLetterFilter:
        return pb.DeadLetterFilter(
            topic=self.topic,
            key=self.key,
            reason=self.reason,
            start_time=stamp(self.since),
            end_time=stamp(self.until),
        )


def stamp(at: datetime | None) -> Timestamp | None:
    if at is None:
        return None
    made = Timestamp()
    made.FromDatetime(at if at.tzinfo else at.replace(tzinfo=UTC))
    return made


async def fetch_letters(target: Target, asked: LettersAsked) -> Sequence[pb.DeadLetter]:
    """Raises: CommandFailedError: The server refused, or cannot be reached."""
    letters: list[pb.DeadLetter] = []
    request = asked.request()
    async with open_client(target, identifiers()) as client:
        while True:
            page = await client.ask(client.operations.ListDeadLetters, request)
            letters.extend(page.dead_letters)
            if not page.next_page_token:
                return letters
            request.page_token = page.next_page_token


async def fetch_letter(target: Target, name: str, *, full: bool) -> pb.DeadLetter:
    """Raises: CommandFailedError: The server refused, or cannot be reached."""
    view = pb.DEAD_LETTER_VIEW_FULL if full else pb.DEAD_LETTER_VIEW_BASIC
    async with open_client(target, identifiers()) as client:
        request = pb.GetDeadLetterRequest(name=name, view=view)
        return (await client.ask(client.operations.GetDeadLetter, request)).dead_letter


async def edit_letter(target: Target, name: str, payload: bytes, etag: str) -> pb.DeadLetter:
    """Raises: CommandFailedError: The server refused, or cannot be reached."""
    async with open_client(target, identifiers()) as client:
        request = pb.UpdateDeadLetterRequest(
            name=name,
            payload=payload,
            update_mask=FieldMask(paths=["payload"]),
            etag=etag,
            request_id=client.request_id(),
        )
        return (await client.ask(client.operations.UpdateDeadLetter, request)).dead_letter


async def discard_letters(
    target: Target, names: Sequence[str], note: str
) -> pb.DiscardDeadLettersResponse:
    """Raises: CommandFailedError: The server refused, or cannot be reached."""
    async with open_client(target, identifiers()) as client:
        request = pb.DiscardDeadLettersRequest(
            parent=parent_of(names), names=names, note=note, request_id=client.request_id()
        )
        return await client.ask(client.operations.DiscardDeadLetters, request)


async def replay_letters(
    target: Target, names: Sequence[str], asked: LettersAsked | None, into: str
) -> pb.ReplayDeadLettersResponse:
    """Replay the named, or all that match, page by page; what became of each.

    Those that are refused again are passed over: they rest on.

    Raises:
        CommandFailedError: The server refused, or cannot be reached.
    """
    page_token = ""
    where = pb.ReplayTarget.Value(f"REPLAY_TARGET_{(into or 'unspecified').upper()}")
    whole = pb.ReplayDeadLettersResponse()
    async with open_client(target, identifiers()) as client:
        while True:
            request = pb.ReplayDeadLettersRequest(
                parent=asked.parent if asked else parent_of(names),
                names=names,
                filter=asked.filter() if asked else None,
                target=where,
                page_token=page_token,
                request_id=client.request_id(),
            )
            answer = await client.ask(client.operations.ReplayDeadLetters, request)
            whole.dead_letters.extend(answer.dead_letters)
            whole.refused.extend(answer.refused)
            page_token = answer.next_page_token
            if not page_token:
                return whole


def parent_of(names: Sequence[str]) -> str:
    """The tenant of the first name; the server refuses the others of another one."""
    return names[0].partition("/deadLetters/")[0] if names else ""
