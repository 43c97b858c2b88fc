"""One call of a tool in a turn: run, or recovered from a server that was lost."""

from asyncio import timeout
from dataclasses import dataclass
from typing import Final, final

from application.capability.ports import ProviderHealth
from application.conversation.phases.tool_round import Judged, Round
from application.conversation.plan import TurnPlan
from application.conversation.running_turn import RunningTurn
from application.kernel.ports import Clock
from application.tools.ports import ToolContext, ToolRunner
from application.tools.recover_call import RecoverCall, Recovered
from domain.kernel.errors import DomainError
from domain.tools.errors import ToolFailedError, ToolOutcomeUnknownError
from domain.tools.invocation import InvocationState
from domain.tools.tool import Tool

TOOL_SECONDS: Final = 30.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MakeCall:
    """The answer is how the call ended, and what the model is told."""

    runner: ToolRunner
    recover: RecoverCall
    health: ProviderHealth
    clock: Clock

    async def __call__(
        self, turn: RunningTurn, plan: TurnPlan, asked: Round, one: Judged
    ) -> Recovered:
        context = ToolContext(
            principal=plan.settings.order.principal,
            session_id=turn.session_id,
            invocation_id=one.invocation.id,
            seconds=max(0.0, min(TOOL_SECONDS, asked.deadline - self.clock.monotonic())),
        )
        if one.tool is None:
            return await self.recover(one.invocation, context)
        return await self._run(one.tool, one, context)

    async def _run(self, tool: Tool, one: Judged, context: ToolContext) -> Recovered:
        failure: DomainError
        try:
            async with timeout(context.seconds):
                text = await self.runner.run(tool.name, one.invocation.arguments, context)
        except ToolFailedError as refusal:
            failure = refusal
        except ToolOutcomeUnknownError as refusal:
            failure = refusal
        except TimeoutError:
            failure = (
                ToolOutcomeUnknownError(tool.name)
                if tool.effect
                else ToolFailedError(tool.name, "it took too long")
            )
        else:
            self.health.succeeded(tool.name)
            return Recovered(
                state=InvocationState.SUCCEEDED, reason=one.invocation.reason, result=text
            )
        self.health.failed(tool.name)
        unknown = isinstance(failure, ToolOutcomeUnknownError)
        state = InvocationState.UNKNOWN if unknown else InvocationState.FAILED
        return Recovered(state=state, reason=failure.reason, result=str(failure))
