"""Amounts, times and names as people read them."""

from google.protobuf.timestamp_pb2 import Timestamp

from somagent.conversation.v1.conversation_pb2 import Usage

_MILLION = 1_000_000
_SECOND = 1_000_000
_MILLISECOND = 1_000


def usd(micro_usd: int) -> str:
    """Money to the hundredth of a cent, or `free`."""
    return f"${micro_usd / _MILLION:.4f}" if micro_usd else "free"


def duration(micros: int) -> str:
    if micros >= _SECOND:
        return f"{micros / _SECOND:.2f} s"
    if micros >= _MILLISECOND:
        return f"{micros / _MILLISECOND:.1f} ms"
    return f"{micros} µs"


def between(start: Timestamp, end: Timestamp) -> str:
    """The time from one to the other; empty when one of them is not there."""
    if not start.ByteSize() or not end.ByteSize():
        return ""
    return duration(max(0, end.ToMicroseconds() - start.ToMicroseconds()))


def moment(timestamp: Timestamp) -> str:
    """A point in time, to the second, UTC; empty when it is not there."""
    return (
        timestamp.ToJsonString().partition(".")[0].rstrip("Z") + "Z"
        if (timestamp.ByteSize())
        else ""
    )


def label(enum_name: str, prefix: str) -> str:
    """`completed` for `TURN_STATE_COMPLETED`."""
    return enum_name.removeprefix(prefix).lower().replace("_", " ")


def last_part(name: str) -> str:
    """The last segment of a resource name."""
    return name.rpartition("/")[2]


def counted(amount: int, noun: str) -> str:
    return f"{amount:,} {noun}{'' if amount == 1 else 's'}"


def usage_words(usage: Usage) -> str:
    """What a turn used and what it costs, in one line."""
    about = "about " if usage.estimated else ""
    parts = [
        about + counted(usage.prompt_tokens + usage.completion_tokens, "token"),
        counted(usage.api_calls, "API call"),
        counted(usage.tool_calls, "tool call"),
        usd(usage.cost_micro_usd),
    ]
    if usage.provider_cost_micro_usd:
        parts.append(f"provider {usd(usage.provider_cost_micro_usd)}")
    return " · ".join(parts)
