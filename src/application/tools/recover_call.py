"""Find out what became of a tool call whose server was lost after it had started it."""

from asyncio import timeout
from dataclasses import dataclass
from typing import final

from application.tools.ports import ToolContext, ToolRunner
from domain.kernel.errors import DomainError
from domain.kernel.storable_text import cut_text
from domain.tools.errors import (
    ToolFailedError,
    ToolNotExecutedError,
    ToolNotFoundError,
    ToolOutcomeUnknownError,
)
from domain.tools.invocation import MAX_RESULT_BYTES, Invocation, InvocationState
from domain.tools.tool import Tool
from domain.tools.tool_status import CallFate, ToolStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """How the call ended: SUCCEEDED, FAILED or UNKNOWN.

    `result` is what the model is told, `reason` the machine-readable name of why it did not
    succeed.
    """

    state: InvocationState
    reason: str = ""
    result: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverCall:
    """Run again what may be run again, else ask what can be asked, else say that nobody knows.

    Whoever asks must own the call: its turn, or the call itself, under a fence of its own.
    """

    runner: ToolRunner

    async def __call__(self, invocation: Invocation, context: ToolContext) -> Recovered:
        """Recover a call that is STARTED. Never starts one a second time that is not idempotent."""
        tool = next((one for one in self.runner.tools() if one.name == invocation.tool), None)
        effect = invocation.effect or (tool is not None and tool.effect)
        failure: DomainError = ToolNotFoundError(invocation.tool, ())
        if tool is not None and (tool.idempotent or not effect):
            try:
                return await self._again(tool, invocation, context)
            except DomainError as refusal:
                # That this attempt did nothing says nothing of the first one.
                failure = refusal
        if not effect:
            return _failed(failure)
        if tool is not None and tool.askable:
            return await self._asked(tool, context)
        return _unknown(invocation.tool)

    async def _again(self, tool: Tool, invocation: Invocation, context: ToolContext) -> Recovered:
        try:
            async with timeout(context.seconds):
                result = await self.runner.run(tool.name, invocation.arguments, context)
        except TimeoutError:
            raise ToolFailedError(tool.name, "it took too long") from None
        return _succeeded(result)

    async def _asked(self, tool: Tool, context: ToolContext) -> Recovered:
        try:
            async with timeout(context.seconds):
                status = await self.runner.status(tool.name, context)
        except (DomainError, TimeoutError):
            return _unknown(tool.name)
        return _told(tool, status)


def _told(tool: Tool, status: ToolStatus) -> Recovered:
    match status.fate:
        case CallFate.SUCCEEDED:
            return _succeeded(status.result)
        case CallFate.FAILED:
            return _failed(ToolFailedError(tool.name, "it says so when asked"))
        case CallFate.NOT_EXECUTED:
            return _failed(ToolNotExecutedError(tool.name))
        case CallFate.UNKNOWN:
            return _unknown(tool.name)


def _succeeded(result: str) -> Recovered:
    return Recovered(state=InvocationState.SUCCEEDED, result=cut_text(result, MAX_RESULT_BYTES))


def _failed(failure: DomainError) -> Recovered:
    text = cut_text(str(failure), MAX_RESULT_BYTES)
    return Recovered(state=InvocationState.FAILED, reason=failure.reason, result=text)


def _unknown(tool: str) -> Recovered:
    unknown = ToolOutcomeUnknownError(tool)
    return Recovered(state=InvocationState.UNKNOWN, reason=unknown.reason, result=str(unknown))
