"""One round of tools: what was asked for, how each call was judged, what the model is told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from domain.authorization.decision import Decision
from domain.capsule.knob import ToolApproval
from domain.conversation.message import Message, ToolCall
from domain.conversation.turn_event import AnswerStatus
from domain.kernel.errors import DomainError
from domain.kernel.storable_text import cut_text, storable
from domain.tools.errors import ToolFailedError
from domain.tools.invocation import Invocation, InvocationState
from domain.tools.tool import Tool

STATUS: Final[Mapping[InvocationState, AnswerStatus]] = {
    InvocationState.SUCCEEDED: AnswerStatus.SUCCEEDED,
    InvocationState.FAILED: AnswerStatus.FAILED,
    InvocationState.UNKNOWN: AnswerStatus.UNKNOWN,
}
"""How an ended call is told to clients; every other one was denied."""

NOT_BEGUN: Final = "its server was lost before it began"
"""Why a call that was asked for did not run."""

CUT: Final = " [cut]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a model asked for. `tokens` are to be held besides, for the model call that follows.

    `said` is what the turn has said and heard, the wish for these calls included. `known` are the
    calls of this round as they were kept over a pause or the loss of a server, by the provider's
    call id. A round that is `committed` was begun by a server that was lost.
    """

    number: int
    said: tuple[Message, ...]
    prompt_tokens: int
    tokens: int
    result_bytes: int
    deadline: float
    known: Mapping[str, Invocation] = field(default_factory=dict[str, Invocation])
    committed: bool = False

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
    """A call that may run with `tool`, that waits, or that is not run: then `message` says why.

    One that is `told` has its outcome already, and its watchers have seen it; of one that is `lost`
    a server began it and nobody heard what came of it.
    """

    invocation: Invocation
    tool: Tool | None
    message: str = ""
    told: bool = False
    lost: bool = False

    @property
    def kept(self) -> Invocation:
        """The call as it is kept over a pause; of one that is not run, with what is told of it."""
        if self.tool is not None:
            return self.invocation
        return replace(self.invocation, result=storable(self.message))


WAITING: Final = (
    InvocationState.PENDING_APPROVAL,
    InvocationState.PERMITTED,
    InvocationState.STARTED,
)
"""Calls of which nothing can be told yet; nobody may come to know more of an UNKNOWN one."""


def kept_before(calls: Iterable[Invocation], number: int) -> list[Invocation]:
    """The calls of the rounds before one, as a record tells of them."""
    return [one for one in calls if one.round < number and one.state not in WAITING]


def not_approved(invocation: Invocation) -> Invocation:
    """A call that nobody approved, with what its model is told."""
    reason = f"APPROVAL_{invocation.state.name}"
    return replace(invocation, reason=reason, result=f"{reason}: not run")


def judged_before(call: Invocation, asked: Round) -> Judged | None:
    """A call that is not to be judged again; None when it may run, now that it was approved."""
    if call.state is InvocationState.PERMITTED:
        return None
    if asked.committed:
        lost = call.state is InvocationState.STARTED
        return Judged(call, None, call.result, told=not lost, lost=lost)
    if call.state not in (InvocationState.FAILED, InvocationState.DENIED):
        call = not_approved(call)
    return Judged(call, None, call.result)


def denied(invocation: Invocation, decision: Decision) -> Judged:
    refusal = replace(invocation, state=InvocationState.DENIED, reason="PERMISSION_DENIED")
    return Judged(refusal, None, f"PERMISSION_DENIED: {decision.reason}")


def permitted(invocation: Invocation, tool: Tool, asked: Round, *, asks: bool) -> Judged:
    """A call that may run, or that waits where a person is asked first."""
    if asked.committed and (tool.effect or asks):
        # Neither was done when its round was committed, and it is too late for both.
        return refused(invocation, ToolFailedError(tool.name, NOT_BEGUN))
    if asks:
        invocation = replace(invocation, state=InvocationState.PENDING_APPROVAL)
    return Judged(invocation, tool)


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
