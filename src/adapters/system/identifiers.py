"""UUIDv7 and nonces, from the host's clock and randomness (RFC 9562, section 5.7)."""

from os import urandom
from time import time_ns
from typing import Final
from uuid import UUID

_VERSION: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
_COUNTER_BITS: Final = 12


class SystemIdentifiers:
    """Identifiers that grow within a process, also when the clock is stepped back.

    The 12 bits after the time in milliseconds are a counter that begins again with each
    millisecond; when it overflows, or the clock goes back, the last millisecond is used on.
    """

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> UUID:
        stamp = max(self._last + 1, (time_ns() // 1_000_000) << _COUNTER_BITS)
        self._last = stamp
        milliseconds, counter = stamp >> _COUNTER_BITS, stamp & ((1 << _COUNTER_BITS) - 1)
        random = int.from_bytes(urandom(8), "big") >> 2
        return UUID(int=milliseconds << 80 | _VERSION | counter << 64 | _VARIANT | random)

    def nonce(self) -> bytes:
        return urandom(16)
