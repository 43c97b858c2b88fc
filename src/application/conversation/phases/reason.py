"""Phase 8: the loop of a turn: model, tools, model, until it answers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, final

from application.conversation.phases.model import ModelAnswer, ModelCall
from application.conversation.phases.tool_round import Round, RoundAnswers
from application.conversation.plan import TurnPlan
from application.conversation.progress import Progress, Said
from application.conversation.running_turn import RunningTurn
from domain.budget.errors import BudgetExhaustedError
from domain.capsule.manifest import Below, OnToolFailure
from domain.conversation.bounds import FRAME_TOKENS, ReplyTerms, estimated_tokens, reply_bound
from domain.conversation.errors import LowConfidenceError
from domain.conversation.message import Message, Role
from domain.conversation.phase import Phase, PhaseStatus
from domain.conversation.turn_event import Degraded
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
    they were kept, by the provider's call id. `first` is how many messages the first call had.
    """

    messages: tuple[Message, ...]
    first: int
    prompt_tokens: int
    deadline: float
    known: Mapping[str, Invocation] = field(default_factory=dict[str, Invocation])

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

    async def __call__(
        self, turn: RunningTurn, plan: TurnPlan, progress: Progress, talk: Conversation
    ) -> Reasoned:
        """Answer, or come to a pause.

        Raises:
            BudgetExhaustedError: There is no room to go on and no answer yet.
            LowConfidenceError, ToolFailedError, ToolOutcomeUnknownError: The capsule says that a
                turn ends so.
            Besides, the refusals of the model phase and `StaleFenceError`.
        """
        rounds = plan.settings.derived.rlm_iterations
        choice = plan.settings.choice
        while True:
            if not talk.messages[-1].calls:
                call = _call(plan, progress, talk, choice)
                answer = await self._ask(turn, plan, progress, call)
                if not answer.calls:
                    return Reasoned(answer.text, answer.finish_reason)
                talk = _asking(talk, progress, answer)
            if progress.round >= rounds:
                return Reasoned(talk.messages[-1].text, TOOLS_ENDED)
            try:
                answers = await self._run(turn, plan, progress, talk)
            except BudgetExhaustedError:
                if not talk.messages[-1].text:
                    raise
                return Reasoned(talk.messages[-1].text, BUDGET_ENDED)
            if answers.waiting:
                said = Said(messages=talk.said, prompt_tokens=talk.prompt_tokens)
                return Reasoned("", "", said, answers.waiting)
            talk = _told(talk, answers)
            choice = _next_choice(plan, progress)

    async def _run(
        self, turn: RunningTurn, plan: TurnPlan, progress: Progress, talk: Conversation
    ) -> RoundAnswers:
        calls = talk.messages[-1].calls
        results = _result_tokens(plan, progress, talk)
        asked = Round(
            number=progress.round + 1,
            said=talk.said,
            prompt_tokens=talk.prompt_tokens,
            tokens=_next_tokens(plan, progress, talk.prompt_tokens + results),
            result_bytes=results - FRAME_TOKENS * len(calls),
            deadline=talk.deadline,
            known=talk.known,
        )
        with progress.timing(Phase.TOOLS) as timing:
            timing.note = f"round {asked.number}"
            answers = await self.run_tools(turn, plan, progress, asked)
            if plan.settings.manifest.on_tool_failure is OnToolFailure.STOP:
                _stop_at_failure(progress, asked)
        return answers

    async def _ask(
        self, turn: RunningTurn, plan: TurnPlan, progress: Progress, call: ModelCall | None
    ) -> ModelAnswer:
        if call is None:
            return ModelAnswer(progress.text, (), BUDGET_ENDED)
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


def _call(
    plan: TurnPlan, progress: Progress, talk: Conversation, choice: ToolChoice
) -> ModelCall | None:
    """The next model call; None when no token of a reply is left to it."""
    room = progress.left - talk.prompt_tokens
    reply = min(_reply(plan, progress, talk.prompt_tokens), room)
    if reply < 1:
        return None
    return ModelCall(
        candidates=plan.settings.candidates,
        messages=talk.messages,
        offers=plan.settings.offers,
        choice=choice,
        temperature=plan.settings.derived.temperature,
        reply=reply,
        prompt_tokens=talk.prompt_tokens,
        round=progress.round,
        deadline=talk.deadline,
        confidence=plan.settings.manifest.confidence is not None,
    )


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
        prompt_tokens=talk.prompt_tokens + _answer_tokens(progress, answer),
    )


def _told(talk: Conversation, answers: RoundAnswers) -> Conversation:
    told = sum(FRAME_TOKENS + estimated_tokens(one.text) for one in answers.messages)
    return replace(
        talk,
        messages=(*talk.messages, *answers.messages),
        prompt_tokens=talk.prompt_tokens + told,
        known={},
    )


def _reply(plan: TurnPlan, progress: Progress, prompt_tokens: int) -> int:
    settings = plan.settings.derived
    chosen = plan.settings.selection.chosen
    return reply_bound(
        ReplyTerms(
            max_tokens=settings.max_tokens,
            token_limit=settings.token_limit,
            used_tokens=progress.usage.tokens,
            resource_budget=plan.settings.manifest.knobs.resource_budget,
            spent=progress.spent,
            price=chosen.price,
            window=chosen.context_window,
            prompt_tokens=prompt_tokens,
            requested=plan.settings.order.max_tokens,
        )
    ).tokens


def _result_tokens(plan: TurnPlan, progress: Progress, talk: Conversation) -> int:
    """What this round's results may have: within their lanes, and so that an answer still fits.

    Where another round may follow, half of what the turn's token limit leaves is kept for it. At
    least a tenth of the level's reply, so that the model hears something.
    """
    derived = plan.settings.derived
    left = derived.token_limit - progress.usage.tokens - talk.prompt_tokens - plan.context.reply
    if progress.round + 1 < derived.rlm_iterations:
        left //= 2
    return max(derived.max_tokens // 10, min(plan.context.result_cap, left))


def _next_tokens(plan: TurnPlan, progress: Progress, prompt_tokens: int) -> int:
    """What the next model call needs beyond what is still held."""
    needed = prompt_tokens + _reply(plan, progress, prompt_tokens)
    limit = plan.settings.derived.token_limit - progress.usage.tokens
    return max(0, min(needed, limit) - progress.left)


def _answer_tokens(progress: Progress, answer: ModelAnswer) -> int:
    """The answer again, as part of the next prompt: as the provider counted it, else as bytes."""
    if progress.attempts and progress.attempts[-1].completion_tokens:
        return FRAME_TOKENS * (1 + len(answer.calls)) + progress.attempts[-1].completion_tokens
    asked = sum(estimated_tokens(call.tool + call.arguments) for call in answer.calls)
    return FRAME_TOKENS * (1 + len(answer.calls)) + estimated_tokens(answer.text) + asked
