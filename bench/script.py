"""What the upstream says: its streams as bytes, and the marks by which delays are measured."""

import time
from typing import Final

import orjson

TOKENS: Final = 64
EXPRESSION: Final = "17.5 * 3"
ANSWER: Final = "52.5"
MARK: Final = b"at-"
"""Begins the first token: the time at which it was written follows, in letters."""

DIGITS: Final = 20
"""Digits of a mark; letters stand for them, so that nothing takes the time for a card number."""

_LETTERS: Final = bytes.maketrans(b"0123456789", b"abcdefghij")
_FIGURES: Final = bytes.maketrans(b"abcdefghij", b"0123456789")
_END_OF_BODY: Final = b"0\r\n\r\n"
_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"X-Request-Id: req_bench\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_WORDS: Final = tuple(f"word{number} " for number in range(1, TOKENS))


def message(pace_ms: float = 0) -> str:
    """What the client says; the upstream reads from it how long to wait before each token."""
    return f"How much is {EXPRESSION}? pace={pace_ms:g}"


def pace_in(text: str) -> float:
    """The pace that a message asks for, in seconds."""
    return float(text.rpartition("pace=")[2]) / 1000


def text_after_mark() -> str:
    """The answer's text without its first token, which is another one in each answer."""
    return "".join(_WORDS)


def stamped_at(text: bytes) -> int | None:
    """The time, in nanoseconds of the monotonic clock, at which a first token was written."""
    found = text.find(MARK)
    if found < 0:
        return None
    begin = found + len(MARK)
    return int(text[begin : begin + DIGITS].translate(_FIGURES))


def tool_call(tool: str) -> bytes:
    """A whole HTTP answer that calls a tool, its arguments in two pieces."""
    arguments = orjson.dumps({"expression": EXPRESSION}).decode()
    half = len(arguments) // 2
    call = {"id": "call_bench", "type": "function", "function": {"name": tool, "arguments": ""}}
    pieces = (arguments[:half], arguments[half:])
    events = (
        _event({"role": "assistant", "content": None, "tool_calls": [{"index": 0, **call}]}),
        *(
            _event({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
            for piece in pieces
        ),
        *_ending("tool_calls", prompt=120, completion=20),
    )
    return _HEAD + b"".join(map(_chunk, events)) + _END_OF_BODY


def first_token() -> bytes:
    """The head of a text answer and its first token, stamped with the time of this call."""
    return _BEFORE_MARK + (b"%020d" % time.monotonic_ns()).translate(_LETTERS) + _AFTER_MARK


def _event(delta: object, finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return b"data: " + orjson.dumps({**_CHUNK, "choices": [choice]}) + b"\n\n"


_CHUNK: Final = {
    "id": "chatcmpl-bench",
    "object": "chat.completion.chunk",
    "created": 1700000000,
    "model": "bench",
}


def _ending(reason: str, *, prompt: int, completion: int) -> tuple[bytes, ...]:
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    return (
        _event({}, reason),
        b"data: " + orjson.dumps({**_CHUNK, "choices": [], "usage": usage}) + b"\n\n",
        b"data: [DONE]\n\n",
    )


def _chunk(event: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(event), event)


_EMPTY_MARK: Final = MARK.decode() + "0" * DIGITS
_FIRST: Final = _HEAD + _chunk(_event({"role": "assistant", "content": f"{_EMPTY_MARK} "}))
_BEFORE_MARK, _AFTER_MARK = _FIRST.split(b"0" * DIGITS)

OTHER_TOKENS: Final = tuple(_chunk(_event({"content": word})) for word in _WORDS)
TEXT_END: Final = (
    b"".join(map(_chunk, _ending("stop", prompt=160, completion=TOKENS))) + _END_OF_BODY
)
REST_OF_TEXT: Final = b"".join(OTHER_TOKENS) + TEXT_END
"""Everything after the first token, in one piece."""
