"""Messages that clients in other languages may send and Python's cannot."""

from ctypes import (
    POINTER,
    Structure,
    Union,
    c_char_p,
    c_int,
    c_int64,
    c_size_t,
    c_ssize_t,
    c_void_p,
    create_string_buffer,
)
from typing import ClassVar, Final

from tests.unit.adapters.kafka.brokers import client_library

_TOPIC, _VALUE, _KEY, _FLAGS, _HEADER = 1, 4, 5, 7, 9
"""What a field of a message is, as librdkafka numbers it."""

_COPY: Final = 2
_ROOM: Final = 512
_PATIENCE_MS: Final = 60_000


class _Bytes(Structure):
    _fields_: ClassVar = [("at", c_char_p), ("size", c_size_t)]


class _Header(Structure):
    _fields_: ClassVar = [("name", c_char_p), ("value", c_char_p), ("size", c_ssize_t)]


class _Content(Union):
    _fields_: ClassVar = [
        ("text", c_char_p),
        ("number", c_int),
        ("bytes", _Bytes),
        ("header", _Header),
        ("time", c_int64),
        ("pad", c_char_p * 8),
    ]


class _Field(Structure):
    _fields_: ClassVar = [("kind", c_int), ("content", _Content)]


def send_unreadable(bootstrap_servers: str, topic: str, key: bytes, value: bytes) -> None:
    """Send a message that has a header whose name is no UTF-8, by the client's own C calls."""
    library = client_library()
    library.rd_kafka_conf_set.argtypes = [c_void_p, c_char_p, c_char_p, c_char_p, c_size_t]
    library.rd_kafka_produceva.restype = c_void_p
    library.rd_kafka_produceva.argtypes = [c_void_p, POINTER(_Field), c_size_t]
    library.rd_kafka_flush.argtypes = [c_void_p, c_int]
    words = create_string_buffer(_ROOM)
    settings = library.rd_kafka_conf_new()
    library.rd_kafka_conf_set(
        settings, b"bootstrap.servers", bootstrap_servers.encode(), words, _ROOM
    )
    producer = library.rd_kafka_new(0, settings, words, _ROOM)
    fields = (_Field * 5)(
        _Field(_TOPIC, _Content(text=topic.encode())),
        _Field(_KEY, _Content(bytes=_Bytes(key, len(key)))),
        _Field(_VALUE, _Content(bytes=_Bytes(value, len(value)))),
        _Field(_FLAGS, _Content(number=_COPY)),
        _Field(_HEADER, _Content(header=_Header(b"\xff\xfe", b"x", 1))),
    )
    refused = library.rd_kafka_produceva(producer, fields, len(fields))
    left = library.rd_kafka_flush(producer, _PATIENCE_MS)
    library.rd_kafka_destroy(producer)
    assert (refused, left) == (None, 0)
