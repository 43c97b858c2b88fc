"""Server-sent events, parsed as the reads of a socket bring them."""

from typing import Final, final

LONGEST_EVENT: Final = 1024 * 1024
"""Bytes of one event; a longer one is no answer of a model."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class EventTooLongError(Exception):
    """An event did not end within its bound."""


@final
class EventStream:
    """Gives the data of every event that is complete; keeps the rest for the next read.

    What is read is not decoded before its event is whole, so a character cut in two does no harm.
    Names, ids, comments and retry hints of events mean nothing in this protocol and are dropped.
    """

    __slots__ = ("_began", "_half_break", "_kept")

    def __init__(self) -> None:
        self._kept = bytearray()
        self._half_break = False
        self._began = False

    def feed(self, block: bytes) -> list[bytes]:
        """The data of the events that this read completes, in order.

        Raises:
            EventTooLongError: An event is longer than `LONGEST_EVENT`.
        """
        if not self._began:
            self._began = True
            block = block.removeprefix(_BYTE_ORDER_MARK)
        if self._half_break or b"\r" in block:
            block = self._with_plain_breaks(block)
        kept = self._kept
        if not kept:
            end = block.rfind(b"\n\n")
            if end < 0:
                self._keep(block)
                return []
            if end + 2 != len(block):
                self._keep(block[end + 2 :])
            return _events(block[:end])
        seen = len(kept)
        kept += block
        end = kept.rfind(b"\n\n", seen - 1)
        if end < 0:
            self._check()
            return []
        whole = bytes(kept[:end])
        del kept[: end + 2]
        self._check()
        return _events(whole)

    def _keep(self, rest: bytes) -> None:
        self._kept += rest
        self._check()

    def _check(self) -> None:
        if len(self._kept) > LONGEST_EVENT:
            raise EventTooLongError

    def _with_plain_breaks(self, block: bytes) -> bytes:
        # A carriage return at the end may be half of a break: whether it is, the next read tells.
        if self._half_break:
            block = b"\r" + block
        self._half_break = block.endswith(b"\r")
        if self._half_break:
            block = block[:-1]
        return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _events(text: bytes) -> list[bytes]:
    # As nearly every provider writes them: one line each, a space after the colon.
    if text.startswith(b"data: "):
        events = text[6:].split(b"\n\ndata: ")
        if text.count(b"\n") == 2 * (len(events) - 1):
            return events
    found = (_data(event) for event in text.split(b"\n\n"))
    return [data for data in found if data is not None]


def _data(event: bytes) -> bytes | None:
    lines = [
        line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")
    ]
    return b"\n".join(lines) if lines else None
