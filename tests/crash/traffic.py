"""All clients of a run, side by side."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.crash.acts import ACTS, Acts
from tests.crash.caller import Caller, NotServedError
from tests.crash.evidence import Evidence
from tests.crash.served import acts_for
from tests.system.client import RefusedError

THINKING_SECONDS: Final = 0.3

_WANTED_SHARE: Final = 0.6
"""How often a client does what leads to a point that a server waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Clients of every tenant. `wanted` are the points that servers are to die at now."""

    evidence: Evidence
    wanted: Callable[[], Iterable[str]]
    chance: Random

    async def run(self, clients: int, goes_on: Callable[[], bool]) -> None:
        """Go on for as long as that; every client ends what it has begun."""
        await asyncio.gather(
            *(
                self._client(Caller(witness, self.evidence, self._chance()), goes_on)
                for witness in self.evidence.tenants
                for _ in range(clients)
            )
        )

    def _chance(self) -> Random:
        return Random(self.chance.random())  # noqa: S311 - to be replayed

    async def _client(self, caller: Caller, goes_on: Callable[[], bool]) -> None:
        acts = Acts(caller)
        try:
            await acts.open()
        except (RefusedError, NotServedError):
            return
        while goes_on():
            await acts.do(self._act(caller.chance))
            # Enough to be in everybody's way, and not so much that no server can start.
            await asyncio.sleep(caller.chance.uniform(0, THINKING_SECONDS))

    def _act(self, chance: Random) -> str:
        points = list(self.wanted())
        if points and chance.random() < _WANTED_SHARE:
            return chance.choice(
                [a for a in acts_for(chance.choice(points)) if a in ACTS] or ["plain"]
            )
        return chance.choice(list(ACTS))
