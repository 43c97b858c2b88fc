"""One run of turns against one server, and what it cost."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.load import Client, Seen
from bench.machine import cpu_seconds, with_children

SETTLE_SECONDS: Final = 1.2
"""Records are sealed within a second after their turn, and that is a part of its cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A server under measurement: who calls it, and the processes of which it consists."""

    name: str
    client: Client
    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """How turns are asked for: how many at a time, and what the upstream waits before a token."""

    name: str
    in_flight: int
    pace_ms: float = 0

    @property
    def key(self) -> str:
        return f"{self.name}_{self.in_flight}"


COALESCED: Final = Scene("coalesced", 64)
PER_TOKEN: Final = Scene("per_token", 64, 20)
"""So slow that a token is shown before the next one comes, which the count of messages proves."""

COALESCED_16: Final = Scene("coalesced", 16)
COALESCED_1: Final = Scene("coalesced", 1)
PACED_16: Final = Scene("paced", 16, 5)
PACED_1: Final = Scene("paced", 1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Costs are processor time in milliseconds for a turn, user and system."""

    side: str
    scene: Scene
    cpu_ms: float
    postgres_cpu_ms: float
    turns_per_second: float
    messages: float
    latencies: Sequence[float]
    first_tokens: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Takes samples; `postgres` is the database server's first process."""

    postgres: int

    async def sample(self, side: Side, scene: Scene, turns: int) -> Sample:
        """Run so many turns.

        Raises:
            BenchFailedError: One of them did not end as it should.
        """
        sample, _ = await self.watched(side, scene, turns, keep=False)
        return sample

    async def watched(
        self, side: Side, scene: Scene, turns: int, *, keep: bool
    ) -> tuple[Sample, Seen]:
        """The same, with what the client saw; `keep` keeps the streams in it.

        Raises:
            BenchFailedError: A turn did not end as it should.
        """
        sessions = await side.client.sessions(turns)
        database = with_children(self.postgres)
        began, database_began = cpu_seconds(side.pids), cpu_seconds(database)
        seen = await side.client.run(sessions, scene.in_flight, scene.pace_ms, keep=keep)
        await asyncio.sleep(SETTLE_SECONDS)
        used = cpu_seconds(side.pids) - began
        database_used = cpu_seconds(database) - database_began
        sample = Sample(
            side=side.name,
            scene=scene,
            cpu_ms=used * 1000 / turns,
            postgres_cpu_ms=database_used * 1000 / turns,
            turns_per_second=turns / seen.seconds,
            messages=seen.messages / turns,
            latencies=seen.latencies,
            first_tokens=seen.first_tokens,
        )
        return sample, seen


async def idle_cpu_ms_per_second(side: Side, seconds: float) -> float:
    """What a server uses while nobody calls."""
    began = cpu_seconds(side.pids)
    await asyncio.sleep(seconds)
    return (cpu_seconds(side.pids) - began) * 1000 / seconds
