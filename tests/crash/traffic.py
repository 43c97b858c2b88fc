"""All clients of a run, side by side."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.crash.acts import ACTS, BY_MESSAGE, Acts
from tests.crash.caller import Caller, NotServedError
from tests.crash.evidence import Evidence, Witness
from tests.crash.plan import Wanted
from tests.crash.served import acts_for
from tests.system.client import RefusedError

THINKING_SECONDS: Final = 0.3

REACH_SECONDS: Final = 1.0
"""How long a client waits for its connection to a server that was just started."""

LIMITED_CLIENTS: Final = 2
"""Of a tenant near its limit: enough to be in each other's way there."""

RAISING_SECONDS: Final = 1.0

_WANTED_SHARE: Final = 0.85
"""How often a client does what leads to a point that a server waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Clients of every tenant. `wanted` are the points that servers are to die at now."""

    evidence: Evidence
    wanted: Callable[[], Iterable[Wanted]]
    chance: Random
    _sent: Counter[Wanted] = field(default_factory=Counter[Wanted])

    async def run(self, clients: int, goes_on: Callable[[], bool]) -> None:
        """Go on for as long as that; every client ends what it has begun."""
        raising = [
            asyncio.create_task(self._raise(self._caller(witness)))
            for witness in self.evidence.tenants
            if witness.limited
        ]
        try:
            await asyncio.gather(
                *(
                    self._client(self._caller(witness), goes_on)
                    for witness in self.evidence.tenants
                    for _ in range(min(clients, LIMITED_CLIENTS) if witness.limited else clients)
                )
            )
        finally:
            for one in raising:
                one.cancel()
            await asyncio.gather(*raising, return_exceptions=True)

    def _caller(self, witness: Witness) -> Caller:
        chance = Random(self.chance.random())  # noqa: S311 - to be replayed
        return Caller(witness, self.evidence, chance)

    async def _raise(self, caller: Caller) -> None:
        """Give a tenant near its limit a little more, again and again, until cancelled.

        Without it a turn that was paused, and has no room to go on, would wait for ever.
        """
        while True:
            await Acts(caller).do("limited")
            await asyncio.sleep(RAISING_SECONDS)

    async def _client(self, caller: Caller, goes_on: Callable[[], bool]) -> None:
        acts = Acts(caller)
        try:
            await acts.open()
        except (RefusedError, NotServedError):
            return
        while goes_on():
            wanted = self._wanted(caller)
            if wanted is None:
                await acts.do(caller.chance.choice(self._possible(caller)))
            else:
                await self._pass(acts, wanted)
            # Enough to be in everybody's way, and not so much that no server can start.
            await asyncio.sleep(caller.chance.uniform(0, THINKING_SECONDS))

    def _possible(self, caller: Caller) -> Sequence[str]:
        """What the client can do. Who is near a limit sends nothing that would wait for room."""
        if self.evidence.topics is None or caller.witness.limited:
            return [*ACTS]
        return [*ACTS, *BY_MESSAGE]

    def _wanted(self, caller: Caller) -> Wanted | None:
        """The point to which the fewest clients are on their way, where one is wanted.

        Who is near a limit is refused too often to lead anywhere.
        """
        wanted = list(self.wanted())
        if not wanted or caller.witness.limited or caller.chance.random() > _WANTED_SHARE:
            return None
        fewest = min(self._sent[one] for one in wanted)
        return caller.chance.choice([one for one in wanted if self._sent[one] == fewest])

    async def _pass(self, acts: Acts, wanted: Wanted) -> None:
        """Do what leads to a point, beginning at the place where it is waited for."""
        caller = acts.caller
        possible = self._possible(caller)
        known = [act for act in acts_for(wanted.point) if act in possible]
        self._sent[wanted] += 1
        caller.at = wanted.place
        try:
            with suppress(TimeoutError):
                await caller.reach(REACH_SECONDS)
            await acts.do(caller.chance.choice(known or ["plain"]))
        finally:
            caller.at = None
            self._sent[wanted] -= 1
