"""Golden exchanges: what stands in contracts/wire, said again to a server.

A file is a conversation with one service. Each exchange begins with `# → Method`, then the request
as a text proto, then each answer behind `# ←`; a refusal behind `# ← CODE`, as google.rpc.Status.
What differs from run to run has a name instead: `<uuid 1>`, `<request 1>`, `<sha256>`; times are
left out.
"""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, cast

import grpc
from google.protobuf import text_format
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.status_pb2 import Status

from entrypoints.grpc.handlers import SERVICES
from tests.e2e.stage import Metadata, Stage, fresh_id

TENANT: Final = "demo"

_SERVICE: Final = re.compile(r"# (somagent[\w.]+)")
_EXCHANGE: Final = re.compile(r"^# → (\w+)$", re.MULTILINE)
_ANSWER: Final = re.compile(r"^# ←", re.MULTILINE)
_REQUEST: Final = re.compile(r"<request (\d+)>")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MADE: Final = (
    (re.compile(r"\b[0-9a-f]{64}\b"), "<sha256>"),
    (re.compile(r"\bsk_[0-9a-f]{32}_[\w-]{43}"), "<secret>"),
    (re.compile(r"\bsk_[0-9a-f]{8}\b"), "<prefix>"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "<hex>"),
)
_TIMES: Final = ("google.protobuf.Timestamp", "google.protobuf.Duration")


@dataclass(slots=True, kw_only=True)
class Dialogue:
    """One file, said to one server by one caller."""

    stage: Stage
    caller: Metadata
    slug: str
    service: str = ""
    uuids: dict[str, str] = field(default_factory=dict[str, str])

    async def replay(self, golden: str) -> str:
        """The file as it would be written from what the server answers now."""
        opening, *parts = _EXCHANGE.split(golden)
        named = _SERVICE.match(opening)
        self.service = named[1] if named else ""
        said = [opening]
        for method, body in zip(parts[::2], parts[1::2], strict=True):
            request = _ANSWER.split(body, maxsplit=1)[0]
            answers = [answer async for answer in self._answers(method, request)]
            said.append(f"# → {method}{request.rstrip()}\n" + "".join(answers) + "\n")
        return "".join(said).rstrip() + "\n"

    async def _answers(self, method: str, request: str) -> AsyncIterator[str]:
        descriptor = SERVICES[self.service].FindMethodByName(method)
        message = GetMessageClass(descriptor.input_type)()
        text_format.Parse(self._meant(request), message)
        try:
            async for answer in self._call(descriptor, message):
                yield f"# ←\n{self._told(answer)}"
        except grpc.aio.AioRpcError as error:
            details = dict(error.trailing_metadata())["grpc-status-details-bin"]
            status = Status.FromString(details if isinstance(details, bytes) else b"")
            yield f"# ← {error.code().name}\n{self._told(status)}"

    async def _call(self, method: MethodDescriptor, request: Message) -> AsyncIterator[Message]:
        path = f"/{self.service}/{method.name}"
        read = GetMessageClass(method.output_type).FromString
        if method.server_streaming:
            stream = self.stage.channel.unary_stream(
                path, request_serializer=_bytes_of, response_deserializer=read
            )
            async for answer in stream(request, metadata=self.caller.pairs):
                yield answer
        else:
            unary = self.stage.channel.unary_unary(
                path, request_serializer=_bytes_of, response_deserializer=read
            )
            yield await unary(request, metadata=self.caller.pairs)

    def _meant(self, request: str) -> str:
        """The request with this run's identifiers in it."""
        for name in _REQUEST.findall(request):
            self.uuids.setdefault(f"<request {name}>", fresh_id())
        for name, value in self.uuids.items():
            request = request.replace(name, value)
        return request.replace(f"tenants/{TENANT}", f"tenants/{self.slug}")

    def _told(self, answer: Message) -> str:
        """The answer without what differs from run to run."""
        _forget(answer)
        text = text_format.MessageToString(answer, as_utf8=True)
        names = {value: name for name, value in self.uuids.items()}
        for found in _UUID.findall(text):
            if found not in names:
                names[found] = f"<uuid {sum('uuid' in name for name in names.values()) + 1}>"
                self.uuids[names[found]] = found
        for value, name in names.items():
            text = text.replace(value, name)
        for pattern, name in _MADE:
            text = pattern.sub(name, text)
        return text.replace(self.slug, TENANT)


def _forget(message: Message) -> None:
    """Empty every time, and every bytes field but for its length."""
    if isinstance(message, Packed):
        return
    for descriptor, value in message.ListFields():
        if descriptor.type == FieldDescriptor.TYPE_BYTES and not descriptor.is_repeated:
            setattr(message, descriptor.name, f"<{len(value)} bytes>".encode())
        elif descriptor.message_type is not None:
            for inner in _each(descriptor, value):
                if inner.DESCRIPTOR.full_name in _TIMES:
                    inner.Clear()
                else:
                    _forget(inner)


def _each(descriptor: FieldDescriptor, value: object) -> Iterator[Message]:
    if isinstance(value, Message):
        yield value
    elif descriptor.is_repeated and not _is_map(descriptor):
        yield from cast("Iterable[Message]", value)


def _is_map(descriptor: FieldDescriptor) -> bool:
    kind = descriptor.message_type
    return kind is not None and kind.GetOptions().map_entry


def _bytes_of(message: Message) -> bytes:
    return message.SerializeToString()
