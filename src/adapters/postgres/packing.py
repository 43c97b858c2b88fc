"""Columns of a batch as PostgreSQL's binary arrays, and such arrays read back."""

import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias, cast

Value: TypeAlias = bytes | int
Packer: TypeAlias = Callable[[Sequence[Value]], bytes]
Parameter: TypeAlias = bytes | None

_HEADER: Final = struct.Struct(">iiIii").pack
_EMPTY: Final = struct.Struct(">iiI").pack
_LENGTH: Final = struct.Struct(">i").pack
_ELEMENT: Final = struct.Struct(">i").unpack_from
_DIMENSION: Final = struct.Struct(">iiIii").unpack_from
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def _fixed(oid: int, size: int, encode: Callable[[int], bytes] | None = None) -> Packer:
    empty, length = _EMPTY(0, 0, oid), _LENGTH(size)

    def pack(values: Sequence[Value]) -> bytes:
        if not values:
            return empty
        items = (
            cast("Sequence[bytes]", values)
            if encode is None
            else map(encode, cast("Sequence[int]", values))
        )
        return _HEADER(1, 0, oid, len(values), 1) + length + length.join(items)

    return pack


def _varying(oid: int) -> Packer:
    empty = _EMPTY(0, 0, oid)

    def pack(values: Sequence[Value]) -> bytes:
        if not values:
            return empty
        items = cast("Sequence[bytes]", values)
        parts = [b""] * (2 * len(items))
        parts[0::2] = map(_LENGTH, map(len, items))
        parts[1::2] = items
        return _HEADER(1, 0, oid, len(values), 1) + b"".join(parts)

    return pack


int2 = struct.Struct(">h").pack
int4 = struct.Struct(">i").pack
int8 = struct.Struct(">q").pack
float8 = struct.Struct(">d").pack

uuids = _fixed(2950, 16)
bools = _fixed(16, 1)
int2s = _fixed(21, 2, int2)
int4s = _fixed(23, 4, int4)
int8s = _fixed(20, 8, int8)
floats = _fixed(701, 8)
texts = _varying(25)
blobs = _varying(17)


def interval(seconds: float) -> bytes:
    """An interval of so many seconds."""
    return struct.pack(">qii", round(seconds * 1_000_000), 0, 0)


def microseconds(moment: datetime) -> int:
    """An aware moment as PostgreSQL counts: from the first of January 2000, UTC."""
    return (moment - _EPOCH) // _MICROSECOND


def columns(rows: Sequence[Sequence[Value]], packers: Sequence[Packer]) -> list[Parameter]:
    """The columns of rows, one array each."""
    if not rows:
        return [pack(()) for pack in packers]
    return [pack(column) for pack, column in zip(packers, zip(*rows, strict=True), strict=True)]


def lines(
    groups: Iterable[Sequence[Sequence[Value]]], packers: Sequence[Packer]
) -> list[Parameter]:
    """Flat lists: the index (from 1) of each line's command, then the lines' columns."""
    places: list[int] = []
    flat: list[Sequence[Value]] = []
    for place, group in enumerate(groups, 1):
        places.extend([place] * len(group))
        flat.extend(group)
    return [int4s(places), *columns(flat, packers)]


def elements(array: bytes | None) -> list[bytes | None]:
    """The elements of a binary array of one dimension, each in binary; null has none."""
    if array is None or len(array) == len(_EMPTY(0, 0, 0)):
        return []
    count: int = _DIMENSION(array)[3]
    found: list[bytes | None] = []
    offset = 20
    for _ in range(count):
        (length,) = cast("tuple[int]", _ELEMENT(array, offset))
        offset += 4
        if length < 0:
            found.append(None)
        else:
            found.append(array[offset : offset + length])
            offset += length
    return found


def integers(array: bytes | None) -> list[int | None]:
    """The elements of a binary array of integers of any width."""
    return [None if item is None else integer(item) for item in elements(array)]


def integer(value: bytes) -> int:
    """A binary integer of any width."""
    return int.from_bytes(value, "big", signed=True)


def moment(value: bytes) -> datetime:
    """A binary timestamp with time zone."""
    return _EPOCH + timedelta(microseconds=integer(value))
