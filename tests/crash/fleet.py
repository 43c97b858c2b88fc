"""Servers that are started, killed and started again, each at a place of its own."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from adapters.failpoints.orders import Deed
from tests.crash.place import Place, answers, deeds_in, first
from tests.crash.plan import AT_RANDOM, Doom, Plan
from tests.system.forked import Nursery, nursery
from tests.system.installation import Installation
from tests.system.service import Service, until

LEASE_SECONDS: Final = 1.0

QUICK: Final = {
    "turns__lease_seconds": LEASE_SECONDS,
    "turns__keep_interval_seconds": 0.1,
    "turns__sweep_interval_seconds": 0.4,
    "turns__deadline_seconds": 20,
    "relay__lease_seconds": 1,
    "relay__poll_seconds": 0.2,
    "budgets__warning_interval_seconds": 0.3,
    "retention__interval_seconds": 1,
    "reconciliation__interval_seconds": 2,
    "reconciliation__lease_seconds": 2,
    "identity__calls_per_second": 100_000,
    "identity__burst_calls": 100_000,
    "server__drain_seconds": 1,
    "database__wait_seconds": 2,
    "database__connect_seconds": 2,
    "database__request_connections": 2,
    "database__writer_connections": 2,
    "telemetry__access_log_ratio": 1,
    "telemetry__log_level": "debug",
}
"""Leases of a second, rates that nobody reaches, and logs of all: what leaks, leaks there."""

PATIENCE_SECONDS: Final = 7.0
"""So long a server that serves is waited for to pass its point."""

STEADY_SECONDS: Final = (0.3, 4.0)
"""How long a server serves that is killed at random."""

STANDSTILL_SECONDS: Final = 2.0
"""How long a server stands still or hangs: twice its lease."""

AFTERWARDS_SECONDS: Final = 1.0
"""How long it goes on after that, before it is killed."""

BUSY_SECONDS: Final = 0.9
"""After so long with clients a server has something to leave to others."""

ORPHANED_SECONDS: Final = 1.5
"""After so long that was taken over: a lease, and a sweep."""

LEAVING: Final = ("leases.hand_back", "outbox.leave", "books.give_back")
"""Calls that a server makes when it is told to stop."""

START_SECONDS: Final = 240.0


@dataclass(slots=True, kw_only=True)
class Fleet:
    """All places. While `killing` is set, servers are started to die; else to serve.

    Servers are known by their logs: `struck` were killed under load at a moment that nobody knew,
    `dismissed` to make room for the next one. `fallen` is what else became of servers.
    """

    places: Sequence[Place]
    plan: Plan
    parent: Nursery
    killing: asyncio.Event = field(default_factory=asyncio.Event)
    peace: asyncio.Event = field(default_factory=asyncio.Event)
    logs: list[Service] = field(default_factory=list[Service])
    leaving: list[Service] = field(default_factory=list[Service])
    struck: set[Path] = field(default_factory=set[Path])
    dismissed: set[Path] = field(default_factory=set[Path])
    fallen: list[str] = field(default_factory=list[str])

    async def keep(self, place: Place) -> None:
        """Let one server after the other live and die at a place, until cancelled."""
        while True:
            dies = self.killing.is_set() and place.index >= self.plan.steady
            doom = self.plan.next(place.index) if dies else None
            service = await self._start(place, doom)
            if doom is None:
                await self._serve(place, service)
            elif await self._is_ready(place, service):
                await self._doomed(place, service, doom)
            self.plan.released(place.index)
            if service.process.returncode is None:
                self.dismissed.add(service.log)
                await service.kill()
            self._account(service)

    def kill(self) -> None:
        """From now on start servers to die."""
        self.peace.clear()
        self.killing.set()

    def leave(self, service: Service) -> None:
        """Tell a server to stop in good order."""
        if service.process.returncode is None:
            self.leaving.append(service)
            service.tell(signal.SIGTERM)

    def strike(self, service: Service) -> None:
        """Kill a server wherever it happens to be."""
        if service.process.returncode is None:
            self.struck.add(service.log)
            service.tell(signal.SIGKILL)

    def heard_of(self, task: asyncio.Task[None]) -> None:
        """A task of ours is over; that it has failed is a finding."""
        if not task.cancelled() and (why := task.exception()) is not None:
            self.fallen.append(f"{task.get_name()} broke off: {why!r}")

    async def calm(self) -> None:
        """Kill no more: what runs to die is replaced by what runs to serve."""
        self.killing.clear()
        self.peace.set()

        async def nobody_is_doomed() -> bool:
            return not self.plan.doomed

        await until(nobody_is_doomed, START_SECONDS)
        await self.all_ready()

    async def _start(self, place: Place, doom: Doom | None) -> Service:
        installation = place.installation
        if doom is not None:
            installation = installation.with_settings(**doom.settings)
        # Not to be interrupted: a process that nobody holds would outlive the run.
        starting = asyncio.ensure_future(self.parent.start(installation))
        try:
            service = await asyncio.shield(starting)
        except asyncio.CancelledError:
            place.service = await starting
            raise
        place.service = service
        self.logs.append(service)
        return service

    async def _serve(self, place: Place, service: Service) -> None:
        """Let a server live that is not to die, or not yet."""
        steady = place.index < self.plan.steady
        await first(service.process.wait(), *([] if steady else [self.killing.wait()]))

    async def _doomed(self, place: Place, service: Service, doom: Doom) -> None:
        """Wait for what the server is ordered to do, which does not always come."""
        self.plan.ready(place.index)
        if doom.point == AT_RANDOM:
            await self._lives(service, self.plan.chance.uniform(*STEADY_SECONDS))
            if not self.peace.is_set():
                self.strike(service)
            return
        if doom.point.startswith(LEAVING):
            await asyncio.sleep(BUSY_SECONDS)
            self.leave(service)
        async with self._orphaning(place, doom):
            if doom.deed is Deed.KILL:
                await self._lives(service, PATIENCE_SECONDS)
            else:
                await self._harmed(service, doom)
        if service.process.returncode is None and not self.peace.is_set():
            self.plan.missed(doom)

    @asynccontextmanager
    async def _orphaning(self, place: Place, doom: Doom) -> AsyncGenerator[None]:
        """Leave something to whoever is to take over, for as long as the block goes on."""
        if not doom.takes_over:
            yield
            return
        task = asyncio.create_task(self._orphan(place), name=f"orphaning for {place.index}")
        task.add_done_callback(self.heard_of)
        try:
            yield
        finally:
            task.cancel()

    async def _orphan(self, place: Place) -> None:
        """Kill servers at other places in mid-work, again and again until cancelled."""
        while others := [
            one
            for one in self.places[self.plan.steady :]
            if one is not place and one.index in self.plan.waiting
        ]:
            victim = self.plan.chance.choice(others)
            self.plan.victims[place.index] = victim.index
            await asyncio.sleep(BUSY_SECONDS)
            if victim.service is not None:
                self.strike(victim.service)
            await asyncio.sleep(ORPHANED_SECONDS)

    async def _lives(self, service: Service, seconds: float) -> None:
        """Let a server live so long, or until it ends, or there is peace."""
        await first(service.process.wait(), self.peace.wait(), seconds=seconds)

    async def _harmed(self, service: Service, doom: Doom) -> None:
        """Wait until a server did what was ordered, and for what comes of it."""
        ordered = (doom.point, doom.deed.value)

        async def is_done() -> bool:
            ended = service.process.returncode is not None or self.peace.is_set()
            return ended or ordered in deeds_in(service.said)

        with suppress(TimeoutError):
            await until(is_done, PATIENCE_SECONDS)
        if ordered not in deeds_in(service.said):
            return
        self.plan.did(doom)
        if doom.deed is not Deed.ERROR:
            await self._lives(service, STANDSTILL_SECONDS)
        if doom.deed is Deed.STOP:
            service.tell(signal.SIGCONT)
        await self._lives(service, AFTERWARDS_SECONDS)

    async def _is_ready(self, place: Place, service: Service) -> bool:
        async def is_over() -> bool:
            # Who stands still or hangs at a step of its start never answers.
            done = service.process.returncode is not None or deeds_in(service.said)
            return bool(done) or await answers(place)

        await until(is_over)
        return service.process.returncode is None

    def _account(self, service: Service) -> None:
        """Count a kill where it happened; a server that ends and was not told to is a finding."""
        code = service.process.returncode
        died_at = [point for point, deed in deeds_in(service.said) if deed == Deed.KILL.value]
        if code == 0 and service in self.leaving:
            return
        if code != -signal.SIGKILL:
            self.fallen.append(f"a server ended with {code}: {service.log}")
        elif died_at:
            self.plan.killed(died_at[0])
        elif service.log in self.struck:
            self.plan.killed(AT_RANDOM)
        elif service.log not in self.dismissed:
            self.fallen.append(f"a server was killed and nobody had ordered it: {service.log}")

    async def all_ready(self) -> None:
        """Wait until every place serves.

        Raises:
            TimeoutError: One does not.
        """
        async with asyncio.timeout(START_SECONDS):
            for place in self.places:
                await until(partial(answers, place))


@asynccontextmanager
async def fleet_of(installations: Sequence[Installation], plan: Plan) -> AsyncGenerator[Fleet]:
    """A server for each; at the end all are killed."""
    places = list(_places(installations))
    async with AsyncExitStack() as ending:
        parent = await ending.enter_async_context(nursery(plan.chance.getrandbits(32)))
        fleet = Fleet(places=places, plan=plan, parent=parent)
        keepers = [
            asyncio.create_task(fleet.keep(place), name=f"keeper of {place.index}")
            for place in fleet.places
        ]
        for keeper in keepers:
            keeper.add_done_callback(fleet.heard_of)
        ending.push_async_callback(_end, fleet, keepers)
        yield fleet


def _places(installations: Sequence[Installation]) -> Iterator[Place]:
    for index, one in enumerate(installations):
        server = one.settings.server
        yield Place(
            index=index,
            installation=one,
            address=server.address,
            http_address=server.http_address,
        )


async def _end(fleet: Fleet, keepers: Sequence[asyncio.Task[None]]) -> None:
    for keeper in keepers:
        keeper.cancel()
    await asyncio.gather(*keepers, return_exceptions=True)
    living = [one.service for one in fleet.places if one.service is not None]
    # One that cannot be killed saves none of the others; the nursery ends what is left.
    await asyncio.gather(
        *(one.kill() for one in living if one.process.returncode is None), return_exceptions=True
    )
