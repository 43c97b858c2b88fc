"""Nothing of one tenant reaches another, nothing secret reaches a log, refusals say why."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Final

import grpc

from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.tools.v1 import tools_pb2
from tests.crash.checker.ground import Ground
from tests.crash.checker.violation import Kind, Violation
from tests.crash.evidence import Evidence, Refusal
from tests.crash.script import CANARY
from tests.system.client import RefusedError

_STRAYS: Final = tuple(
    f"""
    select '{table}', count(*) from {table} c
    where c.tenant_id = any (%(tenants)s) and c.turn_id is not null and not exists (
        select from turns t where t.tenant_id = c.tenant_id and t.turn_id = c.turn_id)
    """  # noqa: S608 - names of our own tables
    for table in ("messages", "turn_events", "invocations", "records", "turn_requests")
)

_LOUD: Final = """
    select type, event_id from outbox where tenant_id = any (%(tenants)s)
      and (position(%(canary)s in payload) > 0
        or position(convert_to('logprob', 'UTF8') in payload) > 0)
"""

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
    for kind, event in ground.rows(_LOUD, {"canary": CANARY.encode()}):
        yield Violation(Kind.LEAKED, f"event {event} ({kind}) holds personal text")
    forbidden = (CANARY, *ground.evidence.secrets, "logprob")
    for where, text in texts.items():
        for word in forbidden:
            if word in text:
                shown = "a key" if word in ground.evidence.secrets else word
                yield Violation(Kind.LEAKED, f"{where} holds {shown}")
    yield from _check_refusals(ground.evidence.refusals)


def _check_refusals(refusals: Iterable[Refusal]) -> Iterator[Violation]:
    for refused in (one.error for one in refusals):
        if not refused.reason:
            yield Violation(Kind.LEAKED, f"refused without a reason: {refused}")
        if CANARY in refused.message or any(CANARY in fact for fact in refused.facts.values()):
            yield Violation(Kind.LEAKED, f"a refusal tells what was said: {refused.reason}")


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
