"""Phase 9: the tool calls of one round, each judged, reserved, run and written down."""

from asyncio import create_task, gather, wait
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, final

from application.authorization.authorize import Authorize, AuthorizeQuery
from application.capability.ports import ProviderHealth
from application.conversation.holds import turn_holds
from application.conversation.phases.make_call import MakeCall
from application.conversation.phases.tool_round import (
    STATUS,
    Judged,
    Round,
    RoundAnswers,
    cut_result,
    denied,
    judged_before,
    needs_approval,
    permitted,
    refused,
)
from application.conversation.plan import TurnPlan
from application.conversation.ports.journal import ExtendTurn, TurnJournal
from application.conversation.progress import Progress, Said
from application.conversation.running_turn import RunningTurn
from application.kernel.insisting import insisting
from application.kernel.ports import CanonicalJson, Clock, IdentifierSource
from application.tools.arguments_digest import arguments_digest
from application.tools.egress import check_egress
from application.tools.ports import (
    ArgumentChecker,
    EffectJournal,
    Outcome,
)
from domain.authorization.decision import Decision
from domain.conversation.message import Message, Role, ToolCall
from domain.conversation.turn_event import AnswerStatus, ToolAnswered, ToolCalled
from domain.kernel.errors import DomainError
from domain.kernel.identifiers import InvocationId
from domain.kernel.metering import Metric
from domain.tools.errors import ToolFailedError, ToolNotFoundError
from domain.tools.invocation import Invocation, InvocationState
from domain.tools.tool import Tool

MOST_CALLS: Final = 16
"""Calls of one round that are considered; a model that asks for more is told so."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RunTools:
    """Runs what is permitted. A call that fails is an observation for the model, not an end."""

    make: MakeCall
    checker: ArgumentChecker
    authorize: Authorize
    health: ProviderHealth
    journal: TurnJournal
    effects: EffectJournal
    json: CanonicalJson
    clock: Clock
    identifiers: IdentifierSource

    async def __call__(
        self, turn: RunningTurn, plan: TurnPlan, progress: Progress, asked: Round
    ) -> RoundAnswers:
        """Answer every call, or none when some must be approved first.

        Raises:
            BudgetExhaustedError: The round cannot be reserved; nothing was run.
            StaleFenceError: The turn is another server's now.
        """
        judged = [await self._judge(turn, plan, progress, asked, call) for call in asked.calls]
        waiting = tuple(
            one.invocation
            for one in judged
            if one.invocation.state is InvocationState.PENDING_APPROVAL
        )
        if waiting:
            # The rest of the round is kept as it was judged: it is shown once, and run with it.
            progress.unwritten += [one.kept for one in judged if one.invocation not in waiting]
            return RoundAnswers(waiting=waiting)
        if asked.committed:
            # Should the turn end before they are recovered, their outcome is not known.
            progress.started.update(
                {one.invocation.id: one.invocation for one in judged if one.lost}
            )
        else:
            judged = await self._start(turn, plan, progress, asked, judged)
        room = asked.result_bytes // max(1, len(judged))
        if len(judged) == 1:  # as in most rounds; tasks of their own are for several
            return RoundAnswers((await self._answer(turn, plan, progress, asked, judged[0], room),))
        running = [
            create_task(self._answer(turn, plan, progress, asked, one, room)) for one in judged
        ]
        try:
            return RoundAnswers(tuple(await gather(*running)))
        except BaseException:
            # None of them may go on by itself while the turn ends.
            for task in running:
                task.cancel()
            await wait(running)
            raise

    async def _judge(
        self,
        turn: RunningTurn,
        plan: TurnPlan,
        progress: Progress,
        asked: Round,
        call: ToolCall,
    ) -> Judged:
        tool = plan.settings.tools.get(call.tool)
        decided = asked.known.get(call.id)
        invocation = decided or Invocation(
            id=InvocationId(self.identifiers.next()),
            tenant_id=turn.tenant_id,
            turn_id=turn.turn_id,
            round=asked.number,
            call_id=call.id,
            tool=call.tool,
            arguments=call.arguments,
            digest=arguments_digest(self.json, call.arguments),
            effect=tool is not None and tool.effect,
            state=InvocationState.PERMITTED,
            requested_by=plan.settings.order.principal.subject,
            created_at=self.clock.now(),
        )
        if decided is None:
            await turn.show(ToolCalled(invocation.id, call.tool, call.arguments))
        elif (judged := judged_before(decided, asked)) is not None:
            return judged
        try:
            tool = self._check(plan, asked, call)
            check_egress(plan.settings.derived.egress_allowed, tool)
        except DomainError as refusal:
            return refused(invocation, refusal)
        decision = await self._decide(plan, progress, tool)
        if not decision.allowed:
            return denied(invocation, decision)
        asks = decided is None and needs_approval(plan.settings.derived.tool_approval, tool)
        return permitted(replace(invocation, permit=decision.rule), tool, asked, asks=asks)

    def _check(self, plan: TurnPlan, asked: Round, call: ToolCall) -> Tool:
        """The tool of a call that can be made.

        Raises:
            ToolNotFoundError, ToolFailedError, ToolArgumentsInvalidError: It cannot.
        """
        tool = plan.settings.tools.get(call.tool)
        if tool is None:
            raise ToolNotFoundError(call.tool, tuple(plan.settings.tools))
        if any(call is late for late in asked.calls[MOST_CALLS:]):
            raise ToolFailedError(tool.name, f"more than {MOST_CALLS} calls at once")
        self.checker.check(tool, call.arguments)
        if not self.health.allows(tool.name):
            raise ToolFailedError(tool.name, "its circuit breaker is open")
        return tool

    async def _decide(self, plan: TurnPlan, progress: Progress, tool: Tool) -> Decision:
        resource = f"tools/{tool.name}"
        decision = await self.authorize.ask(
            AuthorizeQuery(
                principal=plan.settings.order.principal, permission="tool:use", resource=resource
            )
        )
        progress.decided(resource, decision)
        return decision

    async def _start(
        self,
        turn: RunningTurn,
        plan: TurnPlan,
        progress: Progress,
        asked: Round,
        judged: list[Judged],
    ) -> list[Judged]:
        """Reserve the round, and write down what is about to take effect before it does."""
        runnable = [one for one in judged if one.tool is not None]
        started = [
            replace(one.invocation, state=InvocationState.STARTED) for one in runnable
            if one.invocation.effect
        ]  # fmt: skip
        progress.billed.clear()
        command = ExtendTurn(
            tenant_id=turn.tenant_id,
            turn_id=turn.turn_id,
            fence=turn.fence,
            round=asked.number,
            checkpoint=progress.checkpoint(_said(asked, judged), committed=asked.number),
            holds=turn_holds(
                plan.settings.order.principal,
                turn.session_id,
                plan.settings.manifest.name,
                ((Metric.TOKENS, asked.tokens), (Metric.TOOL_CALLS, len(runnable))),
            ),
            started=tuple(started),
            made=tuple(progress.unwritten),
        )
        # Before the answer: should it not come, they may be written, and the end says so.
        progress.started.update({one.id: one for one in started})
        asked_at = self.clock.monotonic()
        lease = await turn.take_step(
            lambda: self.journal.extend(command),
            # The round without what it reserves and starts is never refused. It comes after the
            # whole one, or instead of it: what has not begun by then never does.
            lambda: self.journal.extend(replace(command, holds=(), started=())),
        )
        turn.renewed(lease, turn.ceiling, asked_at)
        progress.held_tokens += asked.tokens
        progress.round = asked.number
        progress.unwritten.clear()
        for one in started:
            progress.resting.pop(one.id, None)
        if not started:
            return judged
        by_id = {one.id: one for one in started}
        return [
            replace(one, invocation=by_id.get(one.invocation.id, one.invocation)) for one in judged
        ]

    async def _answer(
        self,
        turn: RunningTurn,
        plan: TurnPlan,
        progress: Progress,
        asked: Round,
        one: Judged,
        room: int,
    ) -> Message:
        state, reason, text = one.invocation.state, one.invocation.reason, one.message
        if one.told:
            progress.invocations.append(one.invocation)
            # It may have been told of, and have no row yet, or one that says that it rests.
            if not one.invocation.effect or one.invocation.id in progress.resting:
                progress.unwritten.append(one.invocation)
            return Message(Role.TOOL, text, call_id=one.invocation.call_id)
        if one.lost or one.tool is not None:
            turn.check()
            if one.tool is not None:  # a lost one was counted when its turn was taken over
                progress.called_tool(one.invocation.id)
            made = await self.make(turn, plan, asked, one)
            state, reason, text = made.state, made.reason, made.result
        text = cut_result(text, room)
        ended = replace(
            one.invocation, state=state, reason=reason, result=text, finished_at=self.clock.now()
        )
        if ended.id in progress.started:
            outcome = Outcome(
                tenant_id=ended.tenant_id,
                invocation_id=ended.id,
                fence=turn.fence,
                state=ended.state,
                result=text,
                reason=ended.reason,
            )
            await insisting(lambda: self.effects.finish(outcome))
            del progress.started[ended.id]
        else:
            progress.unwritten.append(ended)
        progress.invocations.append(ended)
        status = STATUS.get(ended.state, AnswerStatus.DENIED)
        await turn.show(ToolAnswered(ended.id, status, text, ended.reason))
        return Message(Role.TOOL, text, call_id=ended.call_id)


def _said(asked: Round, judged: Sequence[Judged]) -> Said:
    """What is kept with the round: only calls that take effect have rows before the next commit."""
    plain = [one.invocation for one in judged if one.tool is None or not one.invocation.effect]
    return Said(
        messages=asked.said,
        prompt_tokens=asked.prompt_tokens,
        calls=tuple((one.call_id, one.id) for one in plain),
    )
