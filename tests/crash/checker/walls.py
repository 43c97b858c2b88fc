"""Nothing of one tenant reaches another, nothing secret reaches a log, refusals say why."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Final

import grpc

from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.tools.v1 import tools_pb2
from tests.crash.checker.ground import Ground
from tests.crash.checker.violation import Kind, Violation
from tests.crash.evidence import Evidence, Refusal
from tests.crash.script import CANARY, LOGPROB
from tests.system.client import RefusedError

_STRAYS: Final = tuple(
    f"""
    select '{table}', count(*) from {table} c
    where c.tenant_id = any (%(tenants)s) and c.turn_id is not null and not exists (
        select from turns t where t.tenant_id = c.tenant_id and t.turn_id = c.turn_id)
    """  # noqa: S608 - names of our own tables
    for table in ("messages", "turn_events", "invocations", "records", "turn_requests")
)

_WRITTEN: Final = """
    select 'event ' || type || ' ' || event_id, payload from outbox
    where tenant_id = any (%(tenants)s)
    union all
    select 'the outcome of turn ' || turn_id, outcome from turns
    where tenant_id = any (%(tenants)s) and outcome is not null
    union all
    select 'record ' || record_id, body from records where tenant_id = any (%(tenants)s)
    union all
    select 'finding ' || kind, convert_to(reference || ' ' || detail, 'UTF8') from findings
    where tenant_id = any (%(tenants)s)
    union all
    select 'the cause of letter ' || letter_id,
        convert_to(cause || ' ' || array_to_string(attempt_errors, ' '), 'UTF8')
    from dead_letters where tenant_id = any (%(tenants)s)
"""
"""What is written of a run besides what was said in it."""

PROBABLE: Final = ("logprob", f"{-LOGPROB:.6f}")
"""How a token's probability would be written."""

_CLOSED: Final = frozenset(
    {
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNAUTHENTICATED,
    }
)


def check_walls(ground: Ground, texts: Mapping[str, str]) -> Iterator[Violation]:
    """Invariants 7, 9 and 10, from the rows, from what was written, and from what was refused.

    `texts` are logs and metrics by where they come from.
    """
    for statement in _STRAYS:
        for table, count in ground.rows(statement):
            if count:
                what = f"{count} rows of {table} belong to no turn of theirs"
                yield Violation(Kind.LEAKED, what)
    written = [(str(where), bytes(value)) for where, value in ground.rows(_WRITTEN)]
    heard = [(where, text.encode()) for where, text in texts.items()]
    yield from _check_words(
        ground.evidence.secrets, (*written, *heard, *_told(ground.evidence.refusals))
    )
    for one in ground.evidence.refusals:
        if not one.error.reason:
            yield Violation(Kind.LEAKED, f"refused without a reason: {one.error}")


def _check_words(secrets: set[str], looked: Sequence[tuple[str, bytes]]) -> Iterator[Violation]:
    # Nearly always there is nothing: all is looked through at once, and by itself where there is.
    whole = b"\n".join(value for _, value in looked)
    for word in (CANARY, *secrets, *PROBABLE):
        if word.encode() in whole:
            shown = "a key" if word in secrets else word
            for where, value in looked:
                if word.encode() in value:
                    yield Violation(Kind.LEAKED, f"{where} holds {shown}")


def _told(refusals: Iterable[Refusal]) -> Iterator[tuple[str, bytes]]:
    for one in refusals:
        told = "\n".join((one.error.message, *one.error.facts.values()))
        yield f"a refusal of {one.request} ({one.error.reason})", told.encode()


async def check_strangers(evidence: Evidence) -> AsyncIterator[Violation]:
    """A tenant asks for what belongs to another."""
    for one, other in zip(
        evidence.tenants, evidence.tenants[1:] + evidence.tenants[:1], strict=True
    ):
        mine = {asked.turn for asked in evidence.asked if asked.tenant == one.slug and asked.turn}
        calls = {call.invocation for call in evidence.called if call.tenant == one.slug}
        turns = sorted(mine)[:3]
        requests = [
            *(pb.GetTurnRequest(name=name) for name in turns),
            *(pb.WatchTurnRequest(name=name) for name in turns),
            *(tools_pb2.GetInvocationRequest(name=name) for name in sorted(calls)[:3] if name),
        ]
        for request in requests:
            try:
                await other.clients[0].answers(request)
            except RefusedError as refused:
                if refused.code not in _CLOSED:
                    yield Violation(Kind.LEAKED, f"{other.slug} was refused oddly: {refused}")
            else:
                yield Violation(Kind.LEAKED, f"{other.slug} read {request} of {one.slug}")
