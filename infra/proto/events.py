"""Write the JSON form of the contract of events: a JSON Schema for each type, and AsyncAPI.

usage: python infra/proto/events.py IMAGE DIRECTORY

IMAGE is the contract as `buf build` writes it, with its comments. What is written follows from it
and from the tables of the code: which message a type's payload is, and which topic takes it.
"""

# ruff: noqa: INP001 - a script, no module of a package

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import yaml
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from adapters.protobuf.events import PAYLOADS
from domain.delivery.topic import TOPIC_OF, Topic

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool"
Schema: TypeAlias = dict[str, Json]
Field: TypeAlias = FieldDescriptorProto

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ENVELOPE: Final = "somagent.events.v1.Envelope"
VERSION: Final = 1

_MESSAGES: Final = 4
_ENUMS: Final = 5
_FIELDS: Final = 2

_INTEGER: Final[Schema] = {"type": "integer"}
_LONG: Final[Schema] = {"type": "string", "pattern": "^-?[0-9]+$"}
_NUMBER: Final[Schema] = {"type": "number"}
_SCALARS: Final[Mapping[int, Schema]] = {
    Field.TYPE_DOUBLE: _NUMBER,
    Field.TYPE_FLOAT: _NUMBER,
    Field.TYPE_INT64: _LONG,
    Field.TYPE_UINT64: _LONG,
    Field.TYPE_SINT64: _LONG,
    Field.TYPE_FIXED64: _LONG,
    Field.TYPE_SFIXED64: _LONG,
    Field.TYPE_INT32: _INTEGER,
    Field.TYPE_UINT32: _INTEGER,
    Field.TYPE_SINT32: _INTEGER,
    Field.TYPE_FIXED32: _INTEGER,
    Field.TYPE_SFIXED32: _INTEGER,
    Field.TYPE_BOOL: {"type": "boolean"},
    Field.TYPE_STRING: {"type": "string"},
    Field.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}
_WELL_KNOWN: Final[Mapping[str, Schema]] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?s$"},
    "google.protobuf.Struct": {"type": "object"},
    "google.protobuf.Any": {
        "type": "object",
        "properties": {"@type": {"type": "string"}},
        "required": ["@type"],
    },
}


class Contract:
    """The messages and enums of an image by their full names, with their comments."""

    def __init__(self, image: FileDescriptorSet) -> None:
        self.messages: dict[str, DescriptorProto] = {}
        self.enums: dict[str, EnumDescriptorProto] = {}
        self.comments: dict[str, str] = {}
        for file in image.file:
            self._read(file)

    def _read(self, file: FileDescriptorProto) -> None:
        said = {
            tuple(place.path): " ".join(place.leading_comments.split())
            for place in file.source_code_info.location
        }
        for number, message in enumerate(file.message_type):
            self._take(f"{file.package}.{message.name}", message, (_MESSAGES, number), said)
        for number, enum in enumerate(file.enum_type):
            name = f"{file.package}.{enum.name}"
            self.enums[name] = enum
            self.comments[name] = said.get((_ENUMS, number), "")

    def _take(
        self,
        name: str,
        message: DescriptorProto,
        path: tuple[int, ...],
        said: Mapping[tuple[int, ...], str],
    ) -> None:
        self.messages[name] = message
        self.comments[name] = said.get(path, "")
        for number, field in enumerate(message.field):
            self.comments[f"{name}.{field.name}"] = said.get((*path, _FIELDS, number), "")
        for number, nested in enumerate(message.nested_type):
            self._take(f"{name}.{nested.name}", nested, (*path, 3, number), said)

    def schema_of(self, name: str) -> Schema:
        """A message with all that it is made of."""
        schema: Schema = {"$schema": DIALECT, "title": name, **self._object(name)}
        if made_of := {part: self._object(part) for part in sorted(self._parts(name))}:
            schema["$defs"] = {**made_of}
        return schema

    def _object(self, name: str) -> Schema:
        properties: Schema = {}
        for field in self.messages[name].field:
            properties[field.json_name] = {
                **self._described(f"{name}.{field.name}"),
                **self._field(field),
            }
        return {**self._described(name), "type": "object", "properties": properties}

    def _described(self, name: str) -> Schema:
        comment = self.comments.get(name, "")
        return {"description": comment} if comment else {}

    def _field(self, field: FieldDescriptorProto) -> Schema:
        entry = self.messages.get(field.type_name.lstrip("."))
        if entry is not None and entry.options.map_entry:
            return {"type": "object", "additionalProperties": self._field(entry.field[1])}
        one = self._one(field)
        if field.label == Field.LABEL_REPEATED:
            return {"type": "array", "items": one}
        return one

    def _one(self, field: FieldDescriptorProto) -> Schema:
        if field.type in _SCALARS:
            return _SCALARS[field.type]
        name = field.type_name.lstrip(".")
        if name in _WELL_KNOWN:
            return _WELL_KNOWN[name]
        if field.type == Field.TYPE_ENUM:
            return {"type": "string", "enum": [value.name for value in self.enums[name].value]}
        return {"$ref": f"#/$defs/{name}"}

    def _parts(self, name: str) -> set[str]:
        """The messages that a message holds, at any depth."""
        found: set[str] = set()
        left = [name]
        while left:
            for part in self._held(left.pop()):
                if part not in found:
                    found.add(part)
                    left.append(part)
        return found

    def _held(self, name: str) -> Iterator[str]:
        for field in self.messages[name].field:
            part = field.type_name.lstrip(".")
            if field.type != Field.TYPE_MESSAGE or part in _WELL_KNOWN:
                continue
            if self.messages[part].options.map_entry:
                yield from self._held(part)
            else:
                yield part


def event_schema(contract: Contract, kind: str) -> Schema:
    """The envelope of one type of event, with its payload."""
    payload = contract.schema_of(PAYLOADS[kind])
    properties = payload["properties"]
    if not isinstance(properties, dict):
        raise TypeError(kind)
    url = f"type.googleapis.com/{PAYLOADS[kind]}"
    payload["properties"] = {"@type": {"const": url}, **properties}
    parts = payload.pop("$defs", None)
    del payload["$schema"]
    schema: Schema = {
        "$schema": DIALECT,
        "title": f"{kind} v{VERSION}",
        "allOf": [{"$ref": "envelope.v1.json"}],
        "properties": {"type": {"const": kind}, "payload": payload},
    }
    if parts is not None:
        schema["$defs"] = parts
    return schema


def asyncapi() -> Schema:
    """Which topic carries which types, for tools that read AsyncAPI."""
    channels: Schema = {}
    operations: Schema = {}
    for topic in Topic:
        kinds = sorted(kind for kind in PAYLOADS if TOPIC_OF[kind] is topic)
        if not kinds:
            continue
        name = topic.value.replace(".", "_")
        channels[name] = {
            "address": topic.value,
            "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in kinds},
        }
        operations[f"publish_{name}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{name}"},
        }
    messages: Schema = {
        kind: {
            "name": kind,
            "contentType": "application/x-protobuf",
            "headers": {"$ref": "#/components/schemas/headers"},
            "payload": {"$ref": f"{kind}.v{VERSION}.json"},
        }
        for kind in sorted(PAYLOADS)
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "SomaGent events",
            "version": str(VERSION),
            "description": f"On the wire a value is a `{ENVELOPE}`; the schemas show its JSON "
            "form. Topics stand behind the prefix of the settings, and each has one of the same "
            "name with `.dlq` for what could not be taken.",
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": {"headers": _headers()}},
    }


def _headers() -> Schema:
    names = ("event-id", "type", "version", "tenant", "traceparent")
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}}


def main() -> None:
    image, folder = FileDescriptorSet(), Path(sys.argv[2])
    image.ParseFromString(Path(sys.argv[1]).read_bytes())
    contract = Contract(image)
    documents = {"envelope.v1": contract.schema_of(ENVELOPE)} | {
        f"{kind}.v{VERSION}": event_schema(contract, kind) for kind in PAYLOADS
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        text = json.dumps(document, indent=2, ensure_ascii=False)
        (folder / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    text = yaml.safe_dump(asyncapi(), sort_keys=False, width=100)
    (folder / "asyncapi.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
