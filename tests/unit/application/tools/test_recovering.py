"""What is done with a call whose server was lost depends on what its tool declares."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from application.tools.ports import ToolContext
from application.tools.recover_call import RecoverCall
from domain.tools.errors import ToolFailedError, ToolOutcomeUnknownError
from domain.tools.invocation import InvocationState
from domain.tools.tool_status import CallFate, ToolStatus
from tests.builders import INVOCATION, SESSION, invocation, principal
from tests.doubles import ScriptedTools, answers, fails, waits_forever

STARTED = invocation()


def context(seconds: float = 10.0) -> ToolContext:
    return ToolContext(
        principal=principal(), session_id=SESSION, invocation_id=STARTED.id, seconds=seconds
    )


def says(fate: CallFate, result: str = "") -> Callable[[], Awaitable[ToolStatus]]:
    async def status() -> ToolStatus:
        return ToolStatus(fate, result)

    return status


async def does_not_answer() -> ToolStatus:
    raise ToolFailedError("send", "nobody there")


async def test_an_idempotent_tool_is_run_again_under_the_same_key() -> None:
    tools = ScriptedTools()
    tools.have("send", answers("sent"), effect=True, idempotent=True)

    recovered = await RecoverCall(runner=tools)(STARTED, context())

    assert (recovered.state, recovered.result) == (InvocationState.SUCCEEDED, "sent")
    assert tools.runs == [("send", STARTED.arguments)]
    assert tools.keys == [str(INVOCATION)]


@pytest.mark.parametrize(
    "error", [ToolFailedError("send", "refused"), ToolOutcomeUnknownError("send")]
)
async def test_an_attempt_that_fails_says_nothing_of_the_first_one(error: Exception) -> None:
    tools = ScriptedTools()
    tools.have("send", fails(error), effect=True, idempotent=True)

    recovered = await RecoverCall(runner=tools)(STARTED, context())

    assert (recovered.state, recovered.reason) == (
        InvocationState.UNKNOWN,
        "TOOL_OUTCOME_UNKNOWN",
    )


async def test_an_idempotent_tool_that_does_not_answer_again_is_asked() -> None:
    tools = ScriptedTools()
    tools.have("send", fails(ToolFailedError("send", "busy")), effect=True, idempotent=True)
    tools.can_be_asked("send", says(CallFate.SUCCEEDED, "sent"))

    recovered = await RecoverCall(runner=tools)(STARTED, context())

    assert (recovered.state, recovered.result) == (InvocationState.SUCCEEDED, "sent")


@pytest.mark.parametrize(
    ("fate", "state", "reason"),
    [
        (CallFate.SUCCEEDED, InvocationState.SUCCEEDED, ""),
        (CallFate.FAILED, InvocationState.FAILED, "TOOL_FAILED"),
        (CallFate.NOT_EXECUTED, InvocationState.FAILED, "TOOL_NOT_EXECUTED"),
        (CallFate.UNKNOWN, InvocationState.UNKNOWN, "TOOL_OUTCOME_UNKNOWN"),
    ],
)
async def test_a_tool_that_can_be_asked_is_asked_and_not_run(
    fate: CallFate, state: InvocationState, reason: str
) -> None:
    tools = ScriptedTools()
    tools.have("send", answers("sent"), effect=True)
    tools.can_be_asked("send", says(fate))

    recovered = await RecoverCall(runner=tools)(STARTED, context())

    assert (recovered.state, recovered.reason) == (state, reason)
    assert tools.runs == []
    assert tools.keys == [str(INVOCATION)]


async def test_a_question_without_an_answer_leaves_the_call_unknown() -> None:
    tools = ScriptedTools()
    tools.have("send", answers("sent"), effect=True)
    tools.can_be_asked("send", does_not_answer)

    recovered = await RecoverCall(runner=tools)(STARTED, context())

    assert recovered.state is InvocationState.UNKNOWN
    assert tools.runs == []


async def test_any_other_tool_with_an_effect_is_never_started_again() -> None:
    tools = ScriptedTools()
    tools.have("send", answers("sent"), effect=True)

    recovered = await RecoverCall(runner=tools)(STARTED, context())

    assert (recovered.state, recovered.reason) == (
        InvocationState.UNKNOWN,
        "TOOL_OUTCOME_UNKNOWN",
    )
    assert "may have taken effect" in recovered.result
    assert tools.runs == []


async def test_a_call_that_had_an_effect_keeps_it_whatever_its_tool_declares_now() -> None:
    tools = ScriptedTools()
    tools.have("send", answers("sent"))

    recovered = await RecoverCall(runner=tools)(STARTED, context())

    assert recovered.state is InvocationState.UNKNOWN
    assert tools.runs == []


async def test_a_tool_that_is_gone_leaves_its_call_unknown() -> None:
    recovered = await RecoverCall(runner=ScriptedTools())(STARTED, context())

    assert recovered.state is InvocationState.UNKNOWN


async def test_a_tool_without_effect_is_run_again() -> None:
    tools = ScriptedTools()
    tools.have("send", answers("noon"))

    recovered = await RecoverCall(runner=tools)(replace(STARTED, effect=False), context())

    assert (recovered.state, recovered.result) == (InvocationState.SUCCEEDED, "noon")


async def test_a_tool_without_effect_that_fails_again_has_failed() -> None:
    tools = ScriptedTools()
    tools.have("send", fails(ToolFailedError("send", "down")))

    recovered = await RecoverCall(runner=tools)(replace(STARTED, effect=False), context())

    assert (recovered.state, recovered.reason) == (InvocationState.FAILED, "TOOL_FAILED")


async def test_a_tool_that_hangs_is_not_waited_for_beyond_its_time() -> None:
    tools = ScriptedTools()
    tools.have("send", waits_forever, effect=True, idempotent=True)

    recovered = await RecoverCall(runner=tools)(STARTED, context(seconds=0.01))

    assert recovered.state is InvocationState.UNKNOWN


async def test_what_a_tool_says_is_cut_and_made_storable() -> None:
    tools = ScriptedTools()
    tools.have("send", answers("a\0" + "b" * (2 << 20)), effect=True, idempotent=True)

    recovered = await RecoverCall(runner=tools)(STARTED, context())

    assert recovered.result.startswith("a\ufffd")
    assert len(recovered.result.encode()) == 1 << 20
