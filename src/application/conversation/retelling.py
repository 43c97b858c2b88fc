"""What the watchers of a taken-over turn are shown first: what is committed and was made void."""

from collections.abc import Container, Iterator, Mapping

from application.conversation.lost_turn import LostTurn
from application.conversation.phases.tool_round import NOT_BEGUN, STATUS, WAITING
from domain.conversation.message import Message
from domain.conversation.turn_event import (
    Accepted,
    AnswerStatus,
    Paused,
    Resumed,
    Started,
    TextAdded,
    ToolAnswered,
    ToolCalled,
    TurnEventBody,
)
from domain.kernel.identifiers import InvocationId
from domain.tools.errors import ToolFailedError
from domain.tools.invocation import Invocation


def retold(lost: LostTurn, known: Mapping[str, Invocation]) -> Iterator[TurnEventBody]:
    """Everything that is committed of the turn and not in its written events, in order.

    `known` are the calls of the round at hand. Of a call that was shown and never committed, it is
    told that it did not run: nothing else will be heard of it.
    """
    bodies = [event.body for event in lost.written]
    if not any(isinstance(body, Accepted) for body in bodies):
        yield Accepted(lost.turn.capsule_version_id, queued=False)
    stops = [body for body in bodies if isinstance(body, Paused | Resumed)]
    if stops and isinstance(stops[-1], Paused):
        yield Resumed()
    called = {body.invocation_id: body for body in bodies if isinstance(body, ToolCalled)}
    answered = {body.invocation_id for body in bodies if isinstance(body, ToolAnswered)}
    named = {one.id for one in (*lost.rows, *known.values())}
    for invocation_id, body in called.items():
        if invocation_id not in named | answered:
            refusal = ToolFailedError(body.tool, NOT_BEGUN)
            yield ToolAnswered(invocation_id, AnswerStatus.FAILED, str(refusal), refusal.reason)
    asking = [message for message in lost.kept.messages if message.calls]
    for number, message in enumerate(asking):
        yield from _model_call(lost, number, message.text)
        calls = _calls(lost, number + 1, known)
        begun = lost.committed or not lost.pending or number + 1 < lost.round
        yield from _tools(message, calls, called, answered if begun else None)
    if lost.kept.text:
        yield from _model_call(lost, lost.round, lost.kept.text)


def _calls(
    lost: LostTurn, number: int, known: Mapping[str, Invocation]
) -> Mapping[str, Invocation]:
    if lost.pending and number == lost.round:
        return known
    return {one.call_id: one for one in lost.rows if one.round == number}


def _model_call(lost: LostTurn, number: int, text: str) -> Iterator[TurnEventBody]:
    """What is missing of a model call: that it began, and the rest of its text."""
    bodies = [event.body for event in lost.written]
    if not any(isinstance(body, Started) and body.round == number for body in bodies):
        made = [one for one in lost.kept.attempts if one.round == number]
        if made:
            yield Started(made[-1].capability, made[-1].model, number, len(made) - 1)
    if rest := text[len(lost.written_text(number)) :]:
        yield TextAdded(rest)


def _tools(
    message: Message,
    calls: Mapping[str, Invocation],
    called: Container[InvocationId],
    answered: Container[InvocationId] | None,
) -> Iterator[TurnEventBody]:
    """The calls of a round that were not told of, and what came of them where it was begun."""
    made = [(call, calls[call.id]) for call in message.calls if call.id in calls]
    for call, one in made:
        if one.id not in called:
            yield ToolCalled(one.id, call.tool, call.arguments)
    for _, one in made:
        if answered is not None and one.state not in WAITING and one.id not in answered:
            status = STATUS.get(one.state, AnswerStatus.DENIED)
            yield ToolAnswered(one.id, status, one.result, one.reason)
