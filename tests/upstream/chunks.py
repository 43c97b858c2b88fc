"""The events of an OpenAI stream, as bytes, and the answers that they make up."""

from collections.abc import Sequence
from typing import Final

import orjson

DONE: Final = b"data: [DONE]\n\n"
STREAM_ID: Final = "chatcmpl-1"


def event(value: object) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def chunk(delta: object, finish_reason: str | None = None, **rest: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason} | rest
    return event({"id": STREAM_ID, "object": "chat.completion.chunk", "choices": [choice]})


def text(content: str) -> bytes:
    return chunk({"content": content})


def likely_text(content: str, *logprobs: float) -> bytes:
    tokens = [{"token": content, "logprob": value} for value in logprobs]
    return chunk({"content": content}, logprobs={"content": tokens})


def finish(reason: str = "stop") -> bytes:
    return chunk({}, reason)


def call_part(
    *, index: int | None = 0, call_id: str = "", name: str = "", arguments: str = ""
) -> bytes:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value}
    part: dict[str, object] = {"function": function}
    if index is not None:
        part["index"] = index
    if call_id:
        part |= {"id": call_id, "type": "function"}
    return chunk({"tool_calls": [part]})


def usage(prompt: int = 12, completion: int = 7, *, cached: int = 0, reasoning: int = 0) -> bytes:
    return event(
        {
            "id": STREAM_ID,
            "choices": [],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "prompt_tokens_details": {"cached_tokens": cached},
                "completion_tokens_details": {"reasoning_tokens": reasoning},
            },
        }
    )


def answer(*texts: str, reason: str = "stop") -> tuple[bytes, ...]:
    """A whole stream of these texts, with usage."""
    return (*(text(part) for part in texts), finish(reason), usage(completion=len(texts)), DONE)


def call(name: str, arguments: str, call_id: str = "call_a") -> tuple[bytes, ...]:
    """A whole stream of one native tool call, its arguments in two pieces."""
    half = len(arguments) // 2
    return (
        call_part(call_id=call_id, name=name),
        call_part(arguments=arguments[:half]),
        call_part(arguments=arguments[half:]),
        finish("tool_calls"),
        usage(),
        DONE,
    )


def error(code: str, message: str = "no") -> bytes:
    return event({"error": {"code": code, "message": message}})


def joined(steps: Sequence[bytes]) -> tuple[bytes]:
    """The same stream in one write."""
    return (b"".join(steps),)
