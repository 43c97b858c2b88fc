"""Messages, and the tool calls they carry."""

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """Who speaks; the numbers are stored."""

    USER = 0
    ASSISTANT = 1
    TOOL = 2
    SYSTEM = 3


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model's wish to call a tool: the provider's id of it, and the arguments as JSON text."""

    id: str
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a model's context. `call_id` ties a tool's answer to its call."""

    role: Role
    text: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
