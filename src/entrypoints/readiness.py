"""Whether this process can serve: named checks, each with a time limit, asked at most so often."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, final

from application.kernel.ports import Clock

Check: TypeAlias = Callable[[], Awaitable[str]]
"""Answers with what is wrong, in words for whoever runs the service; empty where nothing is."""

CHECK_SECONDS: Final = 1.0
KEPT_SECONDS: Final = 1.0

DRAINING: Final = "draining"


@dataclass(frozen=True, slots=True)
class Health:
    """What each check said; ready where none has anything to say."""

    problems: Mapping[str, str]

    @property
    def ready(self) -> bool:
        return not any(self.problems.values())


@final
@dataclass(slots=True, kw_only=True)
class Readiness:
    """Checks run side by side; whoever asks within a second of another gets the same answer."""

    checks: Mapping[str, Check]
    clock: Clock
    draining: bool = field(default=False, init=False)
    _known: Health = field(default=Health({}), init=False)
    _until: float = field(default=float("-inf"), init=False)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def drain(self) -> None:
        """Be ready no more: whoever balances load sends no further calls."""
        self.draining = True

    async def __call__(self) -> Health:
        if self.draining:
            return Health({DRAINING: "the server is shutting down"})
        async with self._asking:
            if self.clock.monotonic() >= self._until:
                said = await asyncio.gather(*(_ask(check) for check in self.checks.values()))
                self._known = Health(dict(zip(self.checks, said, strict=True)))
                self._until = self.clock.monotonic() + KEPT_SECONDS
            return self._known


async def _ask(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check()
    except TimeoutError:
        return f"did not answer within {CHECK_SECONDS:g} s"
    except Exception as error:  # noqa: BLE001 - a check that breaks is a check that fails
        return f"could not be asked: {type(error).__name__}"
