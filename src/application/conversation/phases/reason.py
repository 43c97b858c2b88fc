"""Phase 8: the loop of a turn: model, tools, model, until it answers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, final

from application.conversation.phases.model_call import ModelAnswer, ModelCall, part_of
from application.conversation.phases.reason_tokens import (
    answer_tokens,
    next_tokens,
    reply_tokens,
    result_tokens,
)
from application.conversation.phases.tool_round import Round, RoundAnswers
from application.conversation.plan import TurnPlan
from application.conversation.ports.models import TokenCounter
from application.conversation.progress import Progress, Said
from application.conversation.renew_reservation import Interrupted, RenewReservation
from application.conversation.running_turn import RunningTurn
from domain.budget.errors import BudgetExhaustedError
from domain.capsule.manifest import Below, OnInterruption, OnToolFailure
from domain.conversation.bounds import FRAME_TOKENS, estimated_tokens
from domain.conversation.errors import AbandonedFor, LowConfidenceError, TurnAbandonedError
from domain.conversation.message import Message, Role
from domain.conversation.phase import Phase, PhaseStatus
from domain.conversation.turn_event import Degraded
from domain.kernel.metering import Metric
from domain.kernel.tool_choice import ToolChoice, ToolChoiceMode
from domain.tools.errors import ToolFailedError, ToolOutcomeUnknownError
from domain.tools.invocation import Invocation, InvocationState

TOOLS_ENDED: Final = "tool_calls"
"""The finish reason of an answer that would have asked for more rounds of tools than it may."""

BUDGET_ENDED: Final = "budget"
"""The finish reason of an answer that the budget did not let go on."""

NOTHING_SAID: Final = Said(messages=(), prompt_tokens=0)

CallingModel = Callable[[RunningTurn, Progress, ModelCall], Awaitable[ModelAnswer]]
RunningTools = Callable[[RunningTurn, TurnPlan, Progress, Round], Awaitable[RoundAnswers]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What the loop begins with: the first model call's messages, and what a turn has said since.

    The last message may ask for tools: then they come first. `known` are calls of that round as
    they were kept, by the provider's call id; it is `committed` where a lost server had begun it.
    `first` is how many messages the first call had, `partial` the part of the next answer that was
    shown and stands.
    """

    messages: tuple[Message, ...]
    first: int
    prompt_tokens: int
    deadline: float
    known: Mapping[str, Invocation] = field(default_factory=dict[str, Invocation])
    committed: bool = False
    partial: str = ""

    @property
    def said(self) -> tuple[Message, ...]:
        """What was said after the first call's messages."""
        return self.messages[self.first :]


@dataclass(frozen=True, slots=True)
class Reasoned:
    """The answer; or, when `waiting` is not empty, what was said when the turn pauses."""

    text: str
    finish_reason: str
    said: Said = NOTHING_SAID
    waiting: tuple[Invocation, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Rounds of tools are bounded by the capsule's level; a last answering call always follows."""

    call_model: CallingModel
    run_tools: RunningTools
    renew: RenewReservation
    counter: TokenCounter

    async def __call__(
        self, turn: RunningTurn, plan: TurnPlan, progress: Progress, talk: Conversation
    ) -> Reasoned:
        """Answer, or come to a pause.

        Raises:
            BudgetExhaustedError: There is no room to go on and no answer yet.
            LowConfidenceError, ToolFailedError, ToolOutcomeUnknownError: The capsule says that a
                turn ends so.
            TurnAbandonedError: A lost server showed a part of the answer, and there is no room for
                the rest.
            Besides, the refusals of the model phase and `StaleFenceError`.
        """
        rounds = plan.settings.derived.rlm_iterations
        choice = plan.settings.choice
        while True:
            if not talk.messages[-1].calls:
                call = await self._call(turn, plan, progress, talk, choice)
                answer = await self._ask(turn, plan, progress, talk, call)
                if not answer.calls:
                    return Reasoned(answer.text, answer.finish_reason)
                talk = _asking(talk, progress, answer)
            if progress.round >= rounds and not talk.committed:
                return Reasoned(talk.messages[-1].text, TOOLS_ENDED)
            try:
                answers = await self._run(turn, plan, progress, talk)
            except BudgetExhaustedError:
                if not (said := _said_last(talk)):
                    raise
                return Reasoned(said, BUDGET_ENDED)
            if answers.waiting:
                kept = Said(messages=talk.said, prompt_tokens=talk.prompt_tokens)
                return Reasoned("", "", kept, answers.waiting)
            talk = _told(talk, answers)
            choice = _next_choice(plan, progress)

    async def _run(
        self, turn: RunningTurn, plan: TurnPlan, progress: Progress, talk: Conversation
    ) -> RoundAnswers:
        calls = talk.messages[-1].calls
        results = result_tokens(plan, progress, talk.prompt_tokens)
        asked = Round(
            number=progress.round + (0 if talk.committed else 1),
            said=talk.said,
            prompt_tokens=talk.prompt_tokens,
            tokens=next_tokens(plan, progress, talk.prompt_tokens + results),
            result_bytes=results - FRAME_TOKENS * len(calls),
            deadline=talk.deadline,
            known=talk.known,
            committed=talk.committed,
        )
        with progress.timing(Phase.TOOLS) as timing:
            timing.note = f"round {asked.number}"
            answers = await self.run_tools(turn, plan, progress, asked)
            if plan.settings.manifest.on_tool_failure is OnToolFailure.STOP:
                _stop_at_failure(progress, asked)
        return answers

    async def _ask(
        self,
        turn: RunningTurn,
        plan: TurnPlan,
        progress: Progress,
        talk: Conversation,
        call: ModelCall | None,
    ) -> ModelAnswer:
        if call is None:
            said = _last_words(turn, plan, progress, talk)
            return ModelAnswer(said, (), BUDGET_ENDED)
        with progress.timing(Phase.MODEL) as timing:
            answer = await self.call_model(turn, progress, call)
            last = progress.attempts[-1]
            if len(progress.attempts) > 1 and progress.attempts[-2].round == last.round:
                timing.mark(PhaseStatus.DEGRADED, f"fell back to {last.capability}")
            if not answer.calls:
                progress.text = answer.text
                if (doubt := _doubt(plan, last.confidence)) is not None:
                    timing.mark(PhaseStatus.DEGRADED, str(doubt))
                    progress.degraded.append(("confidence", doubt.reason))
                    await turn.show(Degraded("confidence", doubt.reason))
        return answer

    async def _call(
        self,
        turn: RunningTurn,
        plan: TurnPlan,
        progress: Progress,
        talk: Conversation,
        choice: ToolChoice,
    ) -> ModelCall | None:
        """The next model call; None when no token of a reply is left to it."""
        part = await part_of(self.counter, plan.settings.selection.chosen, talk.partial)
        prompt = talk.prompt_tokens + part.prompt_tokens
        reply = reply_tokens(plan, progress, prompt, said=part.tokens)
        reply = min(reply, progress.left - prompt)
        if reply < 1:
            return None

        async def renew(partial: str, tokens: int) -> None:
            asked_at = self.renew.clock.monotonic()
            grant = await self.renew(
                plan,
                progress,
                Interrupted(
                    tenant_id=turn.tenant_id,
                    session_id=turn.session_id,
                    turn_id=turn.turn_id,
                    fence=turn.fence,
                    said=Said(messages=talk.said, prompt_tokens=talk.prompt_tokens, text=partial),
                    progressed=True,
                    tokens=tokens,
                ),
                turn,
            )
            turn.renewed(grant.lease_seconds, turn.ceiling, asked_at)

        continues = plan.settings.manifest.on_interruption is OnInterruption.CONTINUE
        return ModelCall(
            candidates=plan.settings.candidates,
            messages=talk.messages,
            offers=plan.settings.offers,
            choice=choice,
            temperature=plan.settings.derived.temperature,
            reply=reply,
            prompt_tokens=prompt,
            round=progress.round,
            deadline=talk.deadline,
            confidence=plan.settings.manifest.confidence is not None,
            part=part,
            requested=plan.settings.order.max_tokens,
            renew=renew if continues else None,
        )


def _last_words(turn: RunningTurn, plan: TurnPlan, progress: Progress, talk: Conversation) -> str:
    """What was said before, where no room is left for another answer.

    Raises:
        TurnAbandonedError: A part of that other one was shown: it is not passed off as an answer.
        BudgetExhaustedError: Nothing was said before either.
    """
    if talk.partial:
        raise TurnAbandonedError(str(turn.turn_id), AbandonedFor.NO_ROOM)
    if words := _said_last(talk):
        return words
    prompt, limit = talk.prompt_tokens, plan.settings.derived.token_limit
    raise BudgetExhaustedError(
        Metric.TOKENS,
        account=f"turns/{turn.turn_id}",
        asked=prompt + 1,
        remaining=min(prompt, progress.left, limit - progress.own_tokens),
    )


def _said_last(talk: Conversation) -> str:
    """The last of the turn's whole answers that says anything; empty where none does."""
    answers = (one.text for one in reversed(talk.said) if one.role is Role.ASSISTANT)
    return next(filter(None, answers), "")


def _doubt(plan: TurnPlan, confidence: float | None) -> LowConfidenceError | None:
    """What is to be said of an answer whose confidence is known and too low.

    Raises:
        LowConfidenceError: The capsule refuses such an answer.
    """
    terms = plan.settings.manifest.confidence
    if terms is None or confidence is None or confidence >= terms.threshold:
        return None
    doubt = LowConfidenceError(confidence, terms.threshold)
    if terms.below is Below.REFUSE:
        raise doubt
    return doubt


def _stop_at_failure(progress: Progress, asked: Round) -> None:
    """Raises: ToolFailedError, ToolOutcomeUnknownError: A call of this round did not succeed."""
    made = [one for one in progress.invocations if one.round == asked.number]
    for one in made:
        if one.state is InvocationState.UNKNOWN:
            raise ToolOutcomeUnknownError(one.tool)
        if one.state is InvocationState.FAILED:
            raise ToolFailedError(one.tool, f"{one.reason}, and the capsule ends the turn at it")


def _next_choice(plan: TurnPlan, progress: Progress) -> ToolChoice:
    """After the first call; the last round's answer may ask for nothing more."""
    if progress.round >= plan.settings.derived.rlm_iterations:
        return ToolChoice(ToolChoiceMode.NONE)
    return plan.settings.manifest.tools.then


def _asking(talk: Conversation, progress: Progress, answer: ModelAnswer) -> Conversation:
    """The model has asked for tools: its answer is part of the next prompt."""
    return replace(
        talk,
        messages=(*talk.messages, Message(Role.ASSISTANT, answer.text, answer.calls)),
        prompt_tokens=talk.prompt_tokens + answer_tokens(progress, answer),
        partial="",
    )


def _told(talk: Conversation, answers: RoundAnswers) -> Conversation:
    told = sum(FRAME_TOKENS + estimated_tokens(one.text) for one in answers.messages)
    return replace(
        talk,
        messages=(*talk.messages, *answers.messages),
        prompt_tokens=talk.prompt_tokens + told,
        known={},
        committed=False,
    )
