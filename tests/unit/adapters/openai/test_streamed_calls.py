"""Tool calls in a stream: native ones in pieces, and those written by a schema."""

from adapters.openai.language_model import OpenAiLanguageModel
from domain.capability.capability import ToolCalling
from domain.conversation.message import ToolCall
from tests.upstream.calls import (
    ARITHMETIC,
    NAMED,
    answer_of,
    capability,
    model_request,
)
from tests.upstream.chunks import (
    DONE,
    answer,
    call,
    call_part,
    chunk,
    finish,
)
from tests.upstream.scripted import ScriptedUpstream, streamed

ASKED = model_request(capability())
SCHEMA_CALL = model_request(
    capability(ToolCalling.JSON_SCHEMA), tools=(ARITHMETIC,), tool_choice=NAMED
)


async def test_a_native_call_is_put_together(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(streamed(*call("arithmetic", '{"expression":"1"}', "call_x")))

    words, end = await answer_of(model, ASKED)

    assert words == ""
    assert end.finish_reason == "tool_calls"
    assert end.calls == (ToolCall("call_x", "arithmetic", '{"expression":"1"}'),)


async def test_calls_that_are_interleaved_are_told_apart_and_in_order(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(
        streamed(
            call_part(index=1, call_id="b", name="second"),
            call_part(index=0, call_id="a", name="first", arguments='{"x":'),
            call_part(index=1, arguments="{}"),
            call_part(index=0, arguments="1}"),
            finish("stop"),
            DONE,
        )
    )

    _, end = await answer_of(model, ASKED)

    assert end.finish_reason == "tool_calls"
    assert end.calls == (ToolCall("a", "first", '{"x":1}'), ToolCall("b", "second", "{}"))


async def test_calls_without_index_id_or_arguments_get_theirs(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(
        streamed(
            call_part(index=None, name="one"), call_part(index=None, name="two"), finish(), DONE
        )
    )

    _, end = await answer_of(model, ASKED)

    assert [call.tool for call in end.calls] == ["one", "two"]
    assert [call.arguments for call in end.calls] == ["{}", "{}"]
    assert len({call.id for call in end.calls} - {""}) == 2


async def test_a_call_cut_off_by_the_bound_is_no_call(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(streamed(call_part(name="one", arguments='{"expr'), finish("length"), DONE))

    _, end = await answer_of(model, ASKED)

    assert (end.finish_reason, end.calls) == ("length", ())


async def test_a_schema_answer_is_a_call_and_no_text(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(streamed(*answer('{"expre', 'ssion": "17.5', ' * 3"}')))

    words, end = await answer_of(model, SCHEMA_CALL)

    assert words == ""
    assert end.finish_reason == "tool_calls"
    assert [(call.tool, call.arguments) for call in end.calls] == [
        ("arithmetic", '{"expression":"17.5 * 3"}')
    ]


async def test_a_schema_answer_cut_off_by_the_bound_is_no_call(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(streamed(*answer('{"expression": "17', reason="length")))

    words, end = await answer_of(model, SCHEMA_CALL)

    assert (words, end.finish_reason, end.calls) == ("", "length", ())


async def test_a_model_that_declines_is_filtered_not_called(
    upstream: ScriptedUpstream, model: OpenAiLanguageModel
) -> None:
    upstream.answers(streamed(chunk({"refusal": "I cannot."}), finish(), DONE))

    _, end = await answer_of(model, SCHEMA_CALL)

    assert (end.finish_reason, end.calls) == ("content_filter", ())
