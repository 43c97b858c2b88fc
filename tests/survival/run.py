"""Servers on one database are killed one after the other while clients hold conversations."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from adapters.postgres.database import DatabaseSettings
from adapters.signing.ed25519 import Ed25519Signer
from entrypoints.assembly.secrets import SecretKeeper
from somagent.tenancy.v1 import tenancy_pb2
from somagent_client import SomaAgent
from tests.survival.aftermath import Aftermath, aftermath_of
from tests.survival.capsule import STEADY, steady_capsule
from tests.survival.talking import Talker, Tally
from tests.survival.upstream import speaking
from tests.system.client import Client
from tests.system.installation import Installation, Model, installation_at, new_tenant
from tests.system.service import Service, start
from tests.upstream.scripted import scripted_upstream

TENANTS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How hard, how long: one interval for each kill, and one more."""

    kills: int
    kill_every_seconds: float = 20.0
    servers: int = 3
    clients: int = 16
    lease_seconds: float = 3.0
    seconds_a_word: float = 0.05
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to."""

    terms: Terms
    kills: int
    tally: Tally
    aftermath: Aftermath

    @property
    def survived(self) -> bool:
        """Whether nothing went wrong though something was at stake.

        A run in which no client was cut off proves nothing.
        """
        tally, after = self.tally, self.aftermath
        at_stake = after.turns and tally.resumes and self.kills >= self.terms.kills
        return bool(at_stake) and not (tally.errors or tally.broken or after.faults)

    def __str__(self) -> str:
        tally, after = self.tally, self.aftermath
        return (
            f"survival: {after.turns} turns, {self.kills} of {self.terms.kills} kills, "
            f"{tally.resumes} resumes of {tally.resumed_turns} turns "
            f"({tally.restarts} told of what was void), {after.notes} notes; "
            f"{len(tally.errors)} client errors, {len(tally.broken)} broken answers, "
            f"{after.open} turns open, {after.doubled} doubled, {after.held} holds left, "
            f"{len(after.violations)} violations"
        )


async def survive(terms: Terms, database: DatabaseSettings, folder: Path) -> Outcome:
    """Run it, and look at what is left."""
    random = Random(terms.seed)  # noqa: S311 - what is random must be the same again
    tally = Tally()
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(
            scripted_upstream(speaking(terms.seconds_a_word))
        )
        models = [Model(name="main", base_url=upstream.base_url)]
        installation = _quick(await installation_at(folder, database, models), terms)
        servers = await stack.enter_async_context(_servers(installation, terms.servers))
        tenants = await _tenants(installation, servers[0].address)
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for number in range(terms.clients):
                talker = await stack.enter_async_context(
                    _talker(number, tenants[number % len(tenants)], servers, random, tally)
                )
                group.create_task(talker.talk(over))
            kills = await _kill(servers, terms, random)
            over.set()
        key = await SecretKeeper(installation.settings).need(
            installation.settings.receipts.signing_key
        )
        after = await aftermath_of(database, tally, public_key=Ed25519Signer.of(key).public_key)
    return Outcome(terms, kills, tally, after)


def _quick(installation: Installation, terms: Terms) -> Installation:
    return installation.with_settings(
        turns__lease_seconds=terms.lease_seconds,
        turns__keep_interval_seconds=0.2,
        turns__sweep_interval_seconds=0.5,
    )


@asynccontextmanager
async def _servers(installation: Installation, count: int) -> AsyncGenerator[list[Service]]:
    """Servers that are ready; those that are there at the end are ended."""
    servers: list[Service] = []
    try:
        for number in range(count):
            servers.append(await start(installation.beside() if number else installation))
            await servers[-1].ready()
        yield servers
    finally:
        for server in servers:
            if server.process.returncode is None:
                await server.kill()


async def _kill(servers: list[Service], terms: Terms, random: Random) -> int:
    """Kill a server at every interval and start it again; how many ran when they were killed."""
    clock = asyncio.get_running_loop().time
    began = clock()
    killed = 0
    for number in range(terms.kills):
        await asyncio.sleep(began + (number + 1) * terms.kill_every_seconds - clock())
        place = random.randrange(len(servers))
        killed += servers[place].process.returncode is None
        await servers[place].kill()
        servers[place] = await start(servers[place].installation)
        await servers[place].ready()
    await asyncio.sleep(began + (terms.kills + 1) * terms.kill_every_seconds - clock())
    return killed


async def _tenants(installation: Installation, address: str) -> list[Client]:
    operator = await installation.operator(address)
    found: list[Client] = []
    for number in range(TENANTS):
        client = await new_tenant(operator, f"tenant-{number}", tenancy_pb2.PLAN_ENTERPRISE)
        await steady_capsule(client, installation.author_key)
        found.append(client)
    return found


@asynccontextmanager
async def _talker(
    number: int, caller: Client, servers: Sequence[Service], random: Random, tally: Tally
) -> AsyncGenerator[Talker]:
    first = number % len(servers)
    addresses = [one.address for one in [*servers[first:], *servers[:first]]]
    async with SomaAgent(",".join(addresses), tenant=caller.tenant, key=caller.key) as client:
        name = chr(ord("a") + number % 26) * (1 + number // 26)
        own = Random(random.random())  # noqa: S311 - the same again for the same seed
        yield Talker(client, STEADY, name, own, tally)
