# noqa: INP001  # a script that no package imports
"""Write the source of buf/validate/validate.proto from protovalidate's own descriptor.

The wheel of protovalidate carries the rules' descriptor but no .proto, and our contract imports
them. So the source is rendered from the descriptor, and a test compares the two: what the .proto
says is what the validator obeys.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby

from google.protobuf import descriptor_pool, message_factory, text_format
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.message import Message
from protovalidate import ViolationPb

HEADER = """\
// Rendered by infra/proto/vendor.sh from the descriptor in the protovalidate wheel
// (https://github.com/bufbuild/protovalidate, Copyright Buf Technologies, Inc., Apache-2.0).
// Never edited: its documentation is https://protovalidate.com.
"""
LABELS = {
    FieldDescriptorProto.LABEL_OPTIONAL: "optional ",
    FieldDescriptorProto.LABEL_REQUIRED: "required ",
    FieldDescriptorProto.LABEL_REPEATED: "repeated ",
}
NAMED = {FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_ENUM}


def installed() -> list[FileDescriptorProto]:
    """Return buf/validate/validate.proto as the installed validator obeys it, its imports first."""
    file = ViolationPb.desc().file
    return [
        FileDescriptorProto.FromString(each.proto.to_binary())
        for each in [*file.dependencies, file]
    ]


class Source:
    """The last of some files, each after its imports, as the lines of its source."""

    def __init__(self, files: list[FileDescriptorProto]) -> None:
        self._file = files[-1]
        self._pool = descriptor_pool.DescriptorPool()
        for file in files:
            self._pool.AddSerializedFile(file.SerializeToString())

    def __iter__(self) -> Iterator[str]:
        yield from HEADER.splitlines()
        yield ""
        yield f'syntax = "{self._file.syntax or "proto2"}";'
        yield f"package {self._file.package};"
        yield from (f'import "{name}";' for name in self._file.dependency)
        yield from (f"option {text};" for text in self._options(self._file.options))
        yield from self._extensions(self._file.extension)
        for message in self._file.message_type:
            yield from self._message(message)
        for enum in self._file.enum_type:
            yield from self._enum(enum)

    def _message(self, message: DescriptorProto) -> Iterator[str]:
        yield f"message {message.name} {{"
        yield from (f"option {text};" for text in self._options(message.options))
        seen = set[int]()
        for field in message.field:
            if not field.HasField("oneof_index"):
                yield from self._field(field)
            elif field.oneof_index not in seen:
                seen.add(field.oneof_index)
                yield from self._oneof(message, field.oneof_index)
        for enum in message.enum_type:
            yield from self._enum(enum)
        for nested in message.nested_type:
            yield from self._message(nested)
        for span in message.reserved_range:
            yield f"reserved {span.start} to {span.end - 1};"
        yield from (f'reserved "{name}";' for name in message.reserved_name)
        for extensible in message.extension_range:
            yield f"extensions {extensible.start} to {extensible.end - 1};"
        yield from self._extensions(message.extension)
        yield "}"

    def _oneof(self, message: DescriptorProto, index: int) -> Iterator[str]:
        oneof = message.oneof_decl[index]
        yield f"oneof {oneof.name} {{"
        yield from (f"option {text};" for text in self._options(oneof.options))
        for field in message.field:
            if field.HasField("oneof_index") and field.oneof_index == index:
                yield from self._field(field, label="")
        yield "}"

    def _enum(self, enum: EnumDescriptorProto) -> Iterator[str]:
        yield f"enum {enum.name} {{"
        yield from (f"option {text};" for text in self._options(enum.options))
        for value in enum.value:
            yield f"{value.name} = {value.number}{self._listed(value.options)};"
        for span in enum.reserved_range:
            yield f"reserved {span.start} to {span.end};"
        yield from (f'reserved "{name}";' for name in enum.reserved_name)
        yield "}"

    def _extensions(self, fields: Iterable[FieldDescriptorProto]) -> Iterator[str]:
        for extendee, group in groupby(fields, lambda field: field.extendee):
            yield f"extend {extendee} {{"
            for field in group:
                yield from self._field(field)
            yield "}"

    def _field(self, field: FieldDescriptorProto, label: str | None = None) -> Iterator[str]:
        kind = (
            field.type_name
            if field.type in NAMED
            else FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
        )
        label = LABELS[field.label] if label is None else label
        yield f"{label}{kind} {field.name} = {field.number}{self._listed(field.options)};"

    def _listed(self, options: Message) -> str:
        texts = list(self._options(options))
        return f" [{', '.join(texts)}]" if texts else ""

    def _options(self, options: Message) -> Iterator[str]:
        kind = self._pool.FindMessageTypeByName(options.DESCRIPTOR.full_name)
        known = message_factory.GetMessageClass(kind).FromString(options.SerializeToString())
        for field, value in known.ListFields():
            name = f"({field.full_name})" if field.is_extension else field.name
            if field.message_type is not None:
                yield f"{name} = {{ {text_format.MessageToString(value, as_one_line=True)} }}"
            elif field.enum_type is not None:
                yield f"{name} = {field.enum_type.values_by_number[value].name}"
            elif isinstance(value, bool):
                yield f"{name} = {str(value).lower()}"
            elif isinstance(value, str):
                yield f"{name} = {json.dumps(value, ensure_ascii=False)}"
            else:
                yield f"{name} = {value}"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in Source(installed()))
