"""Deterministic stand-ins for the machine: a clock moved by hand, identifiers that count."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

NOON: Final = datetime(2026, 11, 21, 12, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class StoppedClock:
    """A clock that stands until somebody advances it; both of its readings move together."""

    at: datetime = NOON
    seconds: float = 0.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.seconds += seconds


@dataclass(frozen=True, slots=True)
class WrongClock:
    """The clock of a server that is hours ahead; seconds pass on it as on the right one."""

    right: StoppedClock
    hours: float = 5.0

    def now(self) -> datetime:
        return self.right.now() + timedelta(hours=self.hours)

    def monotonic(self) -> float:
        return self.right.monotonic()


class CountingIdentifiers:
    """UUIDv7s of one millisecond that count up from 1, and nonces that count with them.

    Two sources with different seeds never give the same identifier; the name of a test is a seed.
    """

    def __init__(self, seed: str = "", at: datetime = NOON) -> None:
        mark = int.from_bytes(sha256(seed.encode()).digest()[:4]) & 0x3FFFFFFF if seed else 0
        self._first = ((at - _EPOCH) // _MILLISECOND << 80) | 0x7 << 76 | 0b10 << 62 | mark << 32
        self._count = 0

    def next(self) -> UUID:
        self._count += 1
        return UUID(int=self._first + self._count)

    def nonce(self) -> bytes:
        self._count += 1
        return self._count.to_bytes(16)
