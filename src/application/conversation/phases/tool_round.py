"""One round of tools: what was asked for, how each call was judged, what the model is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from domain.capsule.knob import ToolApproval
from domain.conversation.message import Message, ToolCall
from domain.conversation.turn_event import AnswerStatus
from domain.kernel.errors import DomainError
from domain.kernel.storable_text import cut_text, storable
from domain.tools.invocation import Invocation, InvocationState
from domain.tools.tool import Tool

STATUS: Final[Mapping[InvocationState, AnswerStatus]] = {
    InvocationState.SUCCEEDED: AnswerStatus.SUCCEEDED,
    InvocationState.FAILED: AnswerStatus.FAILED,
    InvocationState.UNKNOWN: AnswerStatus.UNKNOWN,
}
"""How an ended call is told to clients; every other one was denied."""

CUT: Final = " [cut]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a model asked for. `tokens` are to be held besides, for the model call that follows.

    `said` is what the turn has said and heard, the wish for these calls included. `known` are the
    calls of this round as they were kept over a pause, by the provider's call id.
    """

    number: int
    said: tuple[Message, ...]
    prompt_tokens: int
    tokens: int
    result_bytes: int
    deadline: float
    known: Mapping[str, Invocation] = field(default_factory=dict[str, Invocation])

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return self.said[-1].calls


@dataclass(frozen=True, slots=True)
class RoundAnswers:
    """What the model is told, or, when `waiting` is not empty, who has to be asked first."""

    messages: tuple[Message, ...] = ()
    waiting: tuple[Invocation, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """A call that may run with `tool`, that waits, or that is not run: then `message` says why."""

    invocation: Invocation
    tool: Tool | None
    message: str = ""

    @property
    def kept(self) -> Invocation:
        """The call as it is kept over a pause; of one that is not run, with what is told of it."""
        if self.tool is not None:
            return self.invocation
        return replace(self.invocation, result=storable(self.message))


def refused(invocation: Invocation, refusal: DomainError) -> Judged:
    failed = replace(invocation, state=InvocationState.FAILED, reason=refusal.reason)
    return Judged(failed, None, f"{refusal.reason}: {refusal}")


def needs_approval(approval: ToolApproval, tool: Tool) -> bool:
    return approval is ToolApproval.ALL or (approval is ToolApproval.DANGEROUS and tool.dangerous)


def cut_result(text: str, room: int) -> str:
    """The storable beginning of a result, at most so many bytes: a token is never less than one."""
    whole = storable(text)
    if len(whole.encode()) <= room:
        return whole
    return cut_text(whole, room - len(CUT)) + CUT
