"""Tool calls of models that only obey a JSON Schema: what they must write, and what it means."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec
import orjson

from application.conversation.ports.models import ToolOffer
from application.kernel.ports import Json
from domain.kernel.tool_choice import ToolChoice, ToolChoiceMode

SchemaObject: TypeAlias = "dict[str, Json]"

_DEFINITIONS: Final = ("$defs", "definitions")
_LOCAL_REFERENCE: Final = re.compile(r"#/(\$defs|definitions)/(.+)")


class _Named(msgspec.Struct):
    tool: str
    arguments: msgspec.Raw


class NotTheSchemaError(Exception):
    """What the model wrote is not of the schema that it was given."""


@dataclass(frozen=True, slots=True)
class SchemaCall:
    """One call that a model is made to write, of one of these tools.

    Of a single tool the model writes the arguments alone; of several, `{"tool", "arguments"}`.
    """

    tools: tuple[ToolOffer, ...]

    @property
    def schema(self) -> SchemaObject:
        if len(self.tools) == 1:
            return _schema_of(self.tools[0])
        definitions: SchemaObject = {}
        variants: list[Json] = []
        for number, tool in enumerate(self.tools):
            arguments = _schema_of(tool)
            for kind in _DEFINITIONS:
                own = arguments.pop(kind, None)
                if isinstance(own, Mapping):
                    definitions |= {
                        f"{number}.{name}": _moved(value, number) for name, value in own.items()
                    }
            variants.append(
                {
                    "type": "object",
                    "properties": {
                        "tool": {"const": tool.name},
                        "arguments": _moved(arguments, number),
                    },
                    "required": ["tool", "arguments"],
                    "additionalProperties": False,
                }
            )
        return {"anyOf": variants, "$defs": definitions} if definitions else {"anyOf": variants}

    @property
    def instruction(self) -> str:
        """What the model is told. Small models copy a schema that they see, so it gets words."""
        told = "\n".join(_told(tool) for tool in self.tools)
        if len(self.tools) == 1:
            return f"{told}\nWrite the arguments for the user's message as JSON."
        return (
            f"{told}\nWrite the name of the best tool for the user's message, "
            "and its arguments, as JSON."
        )

    def read(self, text: str) -> tuple[str, str]:
        """The tool and the arguments, as JSON text, that the model wrote.

        Raises:
            NotTheSchemaError: It is no JSON object, or names no tool.
        """
        try:
            if len(self.tools) == 1:
                return self.tools[0].name, _compact(text)
            named = msgspec.json.decode(text, type=_Named)
            return named.tool, _compact(bytes(named.arguments))
        except (msgspec.DecodeError, orjson.JSONDecodeError, RecursionError) as failure:
            raise NotTheSchemaError from failure


def schema_call(choice: ToolChoice, tools: Sequence[ToolOffer]) -> SchemaCall | None:
    """The call that a choice demands; None where the model may as well answer, and then does."""
    match choice.mode:
        case ToolChoiceMode.REQUIRED if tools:
            return SchemaCall(tuple(tools))
        case ToolChoiceMode.NAMED:
            named = tuple(tool for tool in tools if tool.name == choice.tool)
            return SchemaCall(named) if named else None
        case _:
            return None


def _told(tool: ToolOffer) -> str:
    properties = _schema_of(tool).get("properties")
    lines = [f"Tool {tool.name}: {tool.description}"]
    if isinstance(properties, Mapping) and properties:
        lines.append("Arguments:")
        lines += [f"- {name}: {_description(value)}" for name, value in properties.items()]
    return "\n".join(lines)


def _description(schema: Json) -> Json:
    if not isinstance(schema, Mapping):
        return ""
    return schema.get("description") or schema.get("type") or ""


def _compact(text: str | bytes) -> str:
    arguments: Json = orjson.loads(text)
    if not isinstance(arguments, dict):
        raise NotTheSchemaError
    return orjson.dumps(arguments).decode()


def _schema_of(tool: ToolOffer) -> SchemaObject:
    schema: Json = orjson.loads(tool.schema)
    if not isinstance(schema, dict):
        return {"type": "object"}
    return {name: value for name, value in schema.items() if name not in {"$schema", "$id"}}


def _moved(value: Json, number: int) -> Json:
    """The schema with its references to definitions as they stand beside those of other tools."""
    match value:
        case list() | tuple():
            return [_moved(item, number) for item in value]
        case Mapping():
            return {
                name: _reference(item, number)
                if name == "$ref" and isinstance(item, str)
                else _moved(item, number)
                for name, item in value.items()
            }
        case _:
            return value


def _reference(target: str, number: int) -> str:
    found = _LOCAL_REFERENCE.fullmatch(target)
    return f"#/$defs/{number}.{found.group(2)}" if found else target
