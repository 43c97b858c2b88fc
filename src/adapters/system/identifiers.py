"""UUIDv7 and nonces, from the host's clock and randomness (RFC 9562, section 5.7)."""

from collections.abc import Iterator
from os import urandom
from struct import Struct
from time import time_ns
from typing import Final
from uuid import UUID

_VERSION: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
_COUNTER_BITS: Final = 12
_POOL: Final = Struct("256Q")
"""So many random words are asked of the system at once."""


class SystemIdentifiers:
    """Identifiers that grow within a process, also when the clock is stepped back.

    The 12 bits after the time in milliseconds are a counter that begins again with each
    millisecond; when it overflows, or the clock goes back, the last millisecond is used on.

    `ahead_seconds` is how far the clock is set wrong, which only tests do.
    """

    def __init__(self, ahead_seconds: float = 0.0) -> None:
        self._last = 0
        self._ahead = round(ahead_seconds * 1e9)
        self._random: Iterator[int] = iter(())

    def next(self) -> UUID:
        stamp = max(self._last + 1, (time_ns() + self._ahead) // 1_000_000 << _COUNTER_BITS)
        self._last = stamp
        milliseconds, counter = stamp >> _COUNTER_BITS, stamp & ((1 << _COUNTER_BITS) - 1)
        random = self._bits() >> 2
        return UUID(int=milliseconds << 80 | _VERSION | counter << 64 | _VARIANT | random)

    def _bits(self) -> int:
        for bits in self._random:
            return bits
        # One call of the system serves many identifiers; who has this process never forks it.
        self._random = iter(_POOL.unpack(urandom(_POOL.size)))
        return next(self._random)

    def nonce(self) -> bytes:
        return urandom(16)
