"""One event of a turn, and the answer that they come to."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from somagent.conversation.v1 import conversation_pb2 as pb

MICRO: Final = 1_000_000

FINAL: Final = frozenset({"completed", "failed", "cancelled"})
CLOSING: Final = FINAL | {"paused"}
"""The events after which a stream ends."""


@dataclass(frozen=True, slots=True)
class Event:
    """A TurnEvent as it was received, in `message`, and what one mostly wants of it."""

    message: pb.TurnEvent

    @property
    def sequence(self) -> int:
        """Its number in the turn. Each is given once, in order."""
        return self.message.sequence

    @property
    def kind(self) -> str:
        """Which event it is, as in the contract: `text`, `tool_call`, `completed` and so on."""
        return self.message.WhichOneof("event") or ""

    @property
    def text(self) -> str:
        """What is to be appended to the answer; empty for other events."""
        return self.message.text.delta

    @property
    def tool_call(self) -> pb.ToolCall | None:
        """The tool that the model asks for."""
        return self.message.tool_call if self.kind == "tool_call" else None

    @property
    def tool_result(self) -> pb.ToolResult | None:
        """What a tool gave."""
        return self.message.tool_result if self.kind == "tool_result" else None

    @property
    def voids(self) -> range:
        """The numbers whose events are void: a server was lost. Empty for other events."""
        if self.kind != "restarted":
            return range(0)
        covered = self.message.restarted
        return range(covered.first_sequence, covered.last_sequence + 1)

    @property
    def usage(self) -> pb.Usage | None:
        """What the turn used; of a final event."""
        match self.kind:
            case "completed":
                return self.message.completed.usage
            case "failed":
                return self.message.failed.usage
            case "cancelled":
                return self.message.cancelled.usage
            case _:
                return None

    @property
    def cost_usd(self) -> Decimal | None:
        """What the turn costs by the list price, in USD; of a final event."""
        return None if self.usage is None else cost_of(self.usage)

    @property
    def record(self) -> str:
        """The name of the turn's provenance record, for `SomaAgent.receipt`; of a final event."""
        message = self.message
        return message.completed.record or message.failed.record or message.cancelled.record

    @property
    def final(self) -> bool:
        """Whether it is the turn's last."""
        return self.kind in FINAL

    @property
    def closes(self) -> bool:
        """Whether nothing follows for now: it is the last, or persons are asked."""
        return self.kind in CLOSING


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer of a turn that was completed."""

    text: str
    turn: str
    record: str
    finish_reason: "pb.FinishReason.ValueType"
    usage: pb.Usage
    tool_calls: tuple[pb.ToolCall, ...] = ()
    """The calls that the turn made, in order; those that a lost server showed in vain left out."""

    @property
    def cost_usd(self) -> Decimal:
        """What the turn costs by the list price, in USD."""
        return cost_of(self.usage)

    def __str__(self) -> str:
        return self.text


def cost_of(usage: pb.Usage) -> Decimal:
    return Decimal(usage.cost_micro_usd) / MICRO
