"""Messages as the chat-completions API writes them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from adapters.openai.tool_names import ToolNames
from domain.conversation.message import Message, Role

Written: TypeAlias = dict[str, object]

_ROLES: Final[Mapping[Role, str]] = {
    Role.USER: "user",
    Role.ASSISTANT: "assistant",
    Role.TOOL: "tool",
    Role.SYSTEM: "system",
}


def with_native_calls(messages: Iterable[Message], names: ToolNames) -> list[Written]:
    """For models that know tools: calls and their answers keep their form."""
    return [_native(message, names) for message in messages]


def as_plain_talk(messages: Sequence[Message], instruction: str) -> list[Written]:
    """For models that know no tools: calls and their answers are told in words.

    Neighbours of one role become one message: the templates of small models refuse them otherwise.
    The instruction ends the system's message.
    """
    tools = {call.id: call.tool for message in messages for call in message.calls}
    told: list[tuple[str, list[str]]] = []
    for message in messages:
        role, text = _told(message, tools)
        if told and told[-1][0] == role:
            told[-1][1].append(text)
        else:
            told.append((role, [text]))
    if instruction:
        if told and told[0][0] == "system":
            told[0][1].append(instruction)
        else:
            told.insert(0, ("system", [instruction]))
    return [{"role": role, "content": "\n\n".join(texts)} for role, texts in told]


def _native(message: Message, names: ToolNames) -> Written:
    written: Written = {"role": _ROLES[message.role], "content": message.text}
    if message.role is Role.TOOL:
        written["tool_call_id"] = message.call_id
    if message.calls:
        written["content"] = message.text or None
        written["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": names.sent.get(call.tool, call.tool),
                    "arguments": call.arguments,
                },
            }
            for call in message.calls
        ]
    return written


def _told(message: Message, tools: Mapping[str, str]) -> tuple[str, str]:
    if message.role is Role.TOOL:
        tool = tools.get(message.call_id, "")
        return "user", f"The tool {tool} answered: {message.text}"
    calls = [f"I called the tool {call.tool} with {call.arguments}." for call in message.calls]
    return _ROLES[message.role], "\n".join(filter(None, [message.text, *calls]))
