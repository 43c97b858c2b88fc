"""Real servers on a real database, a scripted model, clients, and something that kills them."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from shutil import rmtree
from traceback import format_exception
from typing import Final

import aiohttp
import psycopg

from adapters.failpoints.orders import Deed
from adapters.postgres.database import DatabaseSettings
from adapters.postgres.embedded_lifetime import SUPERUSER, EmbeddedServer
from adapters.signing.ed25519 import Ed25519Signer
from tests.crash.broker import Broker
from tests.crash.checker.checker import OPEN_WORK, RUN_OUT, check_run
from tests.crash.checker.ground import last_of, tenants_of
from tests.crash.checker.violation import Kind, Violation
from tests.crash.database import database_in
from tests.crash.evidence import Evidence
from tests.crash.fleet import LEASE_SECONDS, QUICK, Fleet, fleet_of
from tests.crash.founding import Founding
from tests.crash.keeping import copy_logs, dump_database, new_folder, write_evidence
from tests.crash.line import Line, database_at, line_to
from tests.crash.place import settings_of_places
from tests.crash.plan import Plan
from tests.crash.sampler import Sampler
from tests.crash.schema import new_database
from tests.crash.script import ScriptedModel
from tests.crash.secrets import PASSWORDS, model_at, secrets_of
from tests.crash.served import points_with
from tests.crash.spoiling import Spoiler, pass_time
from tests.crash.tool_server import ToolServer, tool_server
from tests.crash.topics import Topics, topics_on
from tests.crash.traffic import Traffic
from tests.system.installation import Installation, installation_at
from tests.system.service import until
from tests.upstream.scripted import scripted_upstream

OVER_SECONDS: Final = 240.0
"""In this time everything is over on the slowest machine, once nothing is killed any more."""


TOLD_TO_END: Final = (asyncio.CancelledError, KeyboardInterrupt, GeneratorExit)

# What our own servers say of clients that were killed in mid-call.
logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


@dataclass(slots=True, kw_only=True)
class Laboratory:
    """One installation for any number of runs, each with tenants of its own.

    `evidence` is of all its runs, `found` what was found after them, and `kept` where all that is,
    once it was kept. A `passing` folder is gone after the runs: what is kept is copied out of it.
    """

    seed: int
    folder: Path
    passing: bool
    installation: Installation
    database: DatabaseSettings
    server: EmbeddedServer
    model: ScriptedModel
    tools: ToolServer
    fleet: Fleet
    chance: Random
    public_key: bytes
    secrets: frozenset[str]
    lines: Sequence[Line] = ()
    topics: Topics | None = None
    metrics: dict[str, str] = field(default_factory=dict[str, str])
    evidence: list[Evidence] = field(default_factory=list[Evidence])
    found: list[Violation] = field(default_factory=list[Violation])
    kept: Path | None = None

    @property
    def owner_url(self) -> str:
        return self.server.url(SUPERUSER, "laboratory")

    async def tenants(self, count: int = 3) -> Evidence:
        """New tenants for a run; the last of them is near its limits all the time."""
        evidence = Evidence(
            model=self.model,
            tools=self.tools,
            topics=self.topics,
            author_key=self.installation.author_key,
            orders_errors=Deed.ERROR in self.fleet.plan.harms,
        )
        evidence.secrets |= self.secrets
        self.evidence.append(evidence)
        number = len(self.evidence)
        founding = Founding(
            installation=self.installation,
            addresses=[place.address for place in self.fleet.places],
            owner_url=self.owner_url,
        )
        await founding.introduce(evidence, [f"run{number}-t{at}" for at in range(count)])
        return evidence

    async def load(self, evidence: Evidence, goes_on: Callable[[], bool], clients: int) -> None:
        """Let clients of every tenant do things for as long as it goes on, and end them."""
        traffic = Traffic(evidence=evidence, wanted=self.fleet.plan.wanted, chance=self.chance)
        spoiler = Spoiler(owner_url=self.owner_url, evidence=evidence)
        async with self.sampler(evidence).looking():
            await asyncio.gather(traffic.run(clients, goes_on), spoiler.run(goes_on))

    def sampler(self, evidence: Evidence) -> Sampler:
        """Who looks at a run while it goes on."""
        return Sampler(
            owner_url=self.owner_url,
            tenants=tenants_of(evidence),
            idle=evidence.idle,
            servers=self._living,
            lease_seconds=LEASE_SECONDS,
            found=evidence.sampled,
        )

    def _living(self) -> set[Path]:
        """The logs of the servers that live now."""
        services = [place.service for place in self.fleet.places if place.service is not None]
        return {one.log for one in services if one.process.returncode is None}

    async def over(self, evidence: Evidence) -> None:
        """Wait until nothing is open any more, at most so long that it should be."""
        named = {"tenants": tenants_of(evidence), "forsaken": [*map(last_of, evidence.forsaken)]}

        async def nothing_is_open() -> bool:
            # Reservations that nobody will end run out in ten minutes: they are let run out now.
            connection.execute(RUN_OUT.encode(), named)
            pass_time(connection, evidence)
            row = connection.execute(OPEN_WORK.encode(), named).fetchone()
            if row is None or row[0]:
                return False
            return self.topics is None or await self.topics.all_taken()

        # What is open still is found by the check, and named.
        with (
            psycopg.connect(self.owner_url, autocommit=True) as connection,
            suppress(TimeoutError),
        ):
            await until(nothing_is_open, OVER_SECONDS)

    async def check(self, evidence: Evidence) -> list[Violation]:
        """Everything that must hold, now that the run is over."""
        await self.read_metrics()
        if self.topics is not None:
            evidence.found = await self.topics.read()
        for witness in (*evidence.tenants, evidence.platform):
            for client in witness.clients:
                async with asyncio.timeout(OVER_SECONDS):
                    await client.channel.channel_ready()
        texts = {str(one.log): one.said for one in self.fleet.logs} | self.metrics
        # Whoever has died writes nothing more: the next run need not look there again.
        self.fleet.logs[:] = [one for one in self.fleet.logs if one.process.returncode is None]
        found = await check_run(
            self.owner_url,
            evidence,
            self.public_key,
            texts,
            Random(self.chance.random()),  # noqa: S311 - to be replayed
        )
        for witness in (*evidence.tenants, evidence.platform):
            for client in witness.clients:
                await client.channel.close()
        return found

    def fallen(self) -> list[Violation]:
        """Servers that ended by themselves since this was asked last."""
        told = [Violation(Kind.STUCK, what) for what in self.fleet.fallen]
        self.fleet.fallen.clear()
        return told

    def database_said(self) -> str:
        """The database's own log."""
        logs = sorted((self.folder / "postgres" / "log").glob("*.log"))
        return "".join(one.read_text(errors="replace") for one in logs)

    async def read_metrics(self) -> None:
        """Keep what the servers expose now: the next kill takes it away."""
        async with aiohttp.ClientSession() as session:
            for place in self.fleet.places:
                with suppress(aiohttp.ClientError):
                    async with session.get(f"http://{place.http_address}/metrics") as answer:
                        self.metrics[f"metrics of {place.index}"] = await answer.text()

    def keep(self, why: str) -> Path:
        """Write down why a run failed, what was found and told, and the database; where it is."""
        if self.kept is None:
            self.kept = new_folder() if self.passing else self.folder
            self.found += self.fallen()
            listed = "".join(f"{one}\n" for one in self.found)
            (self.kept / "findings.txt").write_text(f"{listed}{why}\n")
            write_evidence(self.kept, self.seed, self.evidence)
            if self.passing:
                copy_logs(self.folder, self.kept)
            dump_database(self.folder / "postgres", self.owner_url, self.kept)
        return self.kept

    @contextmanager
    def keeping(self) -> Generator[None]:
        """Keep what there is when the block fails, whatever it fails with.

        Whoever is told to end has not failed.
        """
        try:
            yield
        except TOLD_TO_END:
            raise
        except BaseException as broken:
            told = "".join(format_exception(broken))
            broken.add_note(f"kept: {self.keep(told)}")
            raise


@asynccontextmanager
async def laboratory(  # noqa: PLR0913 - each keyword is one thing that a run may want otherwise
    seed: int,
    *,
    servers: int = 3,
    folder: Path | None = None,
    steady: int = 0,
    lined: bool = False,
    broker: Broker | None = None,
    of_place: Sequence[Mapping[str, object]] = (),
) -> AsyncGenerator[Laboratory]:
    """A laboratory in a folder of its own, which is removed unless what runs in it fails.

    Args:
        seed: Decides who does what, and who dies where; time decides the rest.
        servers: How many serve.
        steady: How many of them are not killed.
        folder: Where everything lies, and which is gone afterwards; made where none is given.
        lined: Whether each server reaches the database over a line of its own.
        broker: Where servers publish to and read from; there is none without it.
        of_place: Settings of the server at each place, besides those that all share.
    """
    at, is_kept = folder or new_folder(), False
    chance = Random(seed)  # noqa: S311 - to be replayed
    try:
        async with AsyncExitStack() as opened:
            enter = opened.enter_async_context
            server = await enter(database_in(at / "postgres"))
            database = await asyncio.to_thread(new_database, server)
            model = ScriptedModel()
            upstream = await enter(scripted_upstream(model.choose))
            tools = await enter(tool_server())
            models = [model_at(upstream.base_url)]
            made = await installation_at(at / "installation", database, models)
            installation = made.with_settings(**QUICK, **PASSWORDS, tools__http=tools.settings())
            key, secrets = await secrets_of(installation)
            far_end = database_at(server.socket_folder)
            lines = [await enter(line_to(far_end)) for _ in range(servers) if lined]
            topics = None if broker is None else await enter(topics_on(broker))
            told: list[Mapping[str, object]] = [
                {} if topics is None else topics.settings(at) for at in range(servers)
            ]
            places = [
                installation.beside().with_settings(**{**told[at], **own})
                for at, own in enumerate(settings_of_places(servers, lines, database, of_place))
            ]
            plan = Plan(
                chance=Random(chance.random()),  # noqa: S311 - to be replayed
                points=points_with(broker=topics is not None),
                steady=steady,
            )
            fleet = await enter(fleet_of(places, plan))
            await fleet.all_ready()
            lab = Laboratory(
                seed=seed,
                folder=at,
                passing=folder is not None,
                installation=installation,
                database=database,
                server=server,
                model=model,
                tools=tools,
                fleet=fleet,
                chance=chance,
                public_key=Ed25519Signer.of(key).public_key,
                secrets=secrets,
                lines=lines,
                topics=topics,
            )
            with lab.keeping():
                yield lab
            is_kept = lab.kept is not None
    except BaseException as broken:
        # Where it broke before there was a laboratory, or at its end, the logs say more.
        is_kept = not isinstance(broken, TOLD_TO_END)
        raise
    finally:
        if folder is None and not is_kept:
            rmtree(at, ignore_errors=True)
