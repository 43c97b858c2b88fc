"""What became of a call is told alike: in its row, to whoever watches its turn, to its model."""

from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID

from adapters.postgres.turn_codec import decode_events
from domain.conversation.turn_event import ToolAnswered
from domain.tools.invocation import InvocationState
from tests.crash.checker.ground import Ground
from tests.crash.checker.violation import Kind, Violation
from tests.crash.script import kind_and_ident

_CALLS: Final = """
    select i.invocation_id, i.call_id, i.state, i.result, m.content
    from invocations i
    join turns t on t.tenant_id = i.tenant_id and t.turn_id = i.turn_id
    join messages m on m.tenant_id = t.tenant_id and m.message_id = t.question_id
    where i.tenant_id = any (%(tenants)s) and i.resolved_by = ''
"""
"""Of one that a person resolved its row says more than was told."""

_EVENTS: Final = """
    select payload from turn_events where tenant_id = any (%(tenants)s)
"""

_NOT_RUN: Final = {
    state: f"APPROVAL_{state.name}: not run"
    for state in (InvocationState.REJECTED, InvocationState.EXPIRED)
}
"""What is told of calls that nobody approved: their rows have no result, for nothing was run."""


def check_answers(ground: Ground) -> Iterator[Violation]:
    """What a tool answered reaches whoever goes on with its turn, and whoever resumes it."""
    shown = _shown(ground)
    for invocation, call_id, code, result, message in ground.rows(_CALLS):
        state = InvocationState(code)
        meant = _NOT_RUN.get(state, result)
        call = f"call {invocation} ({state.name}, {result!r})"
        watched = shown.get(invocation, [])
        if len(watched) > 1:
            yield Violation(Kind.DOUBLED, f"{call} was shown {len(watched)} times")
        heard = _heard(ground, str(message), str(call_id))
        for who, told in (("watchers", watched), ("its model", heard)):
            for content in told:
                if content != meant:
                    yield Violation(Kind.LOST, f"{call}: told to {who} was {content!r}")


def _shown(ground: Ground) -> Mapping[UUID, list[str]]:
    """What is stored for watchers of how calls ended."""
    shown: dict[UUID, list[str]] = {}
    for (payload,) in ground.rows(_EVENTS):
        for event in decode_events(payload):
            if isinstance(event.body, ToolAnswered):
                shown.setdefault(event.body.invocation_id, []).append(event.body.content)
    return shown


def _heard(ground: Ground, message: str, call_id: str) -> list[str]:
    """What the model was told of a call that a message asked for."""
    _, ident = kind_and_ident(message) or ("", "")
    told = ground.evidence.model.told.get(ident, ())
    return [content for one, content in told if one == call_id]
