"""What is measured, and in which order.

Floor and product take turns, so that both have the same machine with the same neighbours.
"""

import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import orjson

from bench.figures import (
    Figures,
    figures_of,
    first_token_figures,
    percentile,
    phase_figures,
    phase_means,
    ratios,
)
from bench.load import client, turn_of
from bench.machine import Cores, load_average, resident_mib, steal_seconds, sync_times_ms
from bench.measuring import (
    COALESCED,
    COALESCED_1,
    COALESCED_16,
    PACED_1,
    PACED_16,
    PER_TOKEN,
    Sample,
    Scene,
    Side,
    idle_cpu_ms_per_second,
)
from bench.processes import BenchFailedError, child, tail
from bench.product import (
    environment,
    product,
    scraped,
)
from bench.stage import Say, Stage, stage

WARM_TURNS: Final = 128
WORKER_CHANNELS: Final = 16
"""So many connections that the kernel spreads them over both workers."""

IDLE_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much of everything is run."""

    name: str
    rounds: int
    coalesced: int
    per_token: int
    few: int
    traces: int
    worker_rounds: int
    memory: int


QUICK: Final = Sizes(
    name="quick",
    rounds=3,
    coalesced=192,
    per_token=64,
    few=32,
    traces=24,
    worker_rounds=1,
    memory=0,
)
USUAL: Final = Sizes(
    name="usual",
    rounds=7,
    coalesced=512,
    per_token=128,
    few=96,
    traces=64,
    worker_rounds=3,
    memory=2_000,
)
FULL: Final = replace(USUAL, name="full", memory=10_000)


async def measure(sizes: Sizes, folder: Path, machine: Cores, say: Say) -> Figures:
    """Run everything.

    Raises:
        BenchFailedError, CommandFailedError, DatabaseSetupError: A part cannot be started, or a
            turn did not end as it should.
    """
    stolen, loaded, began = steal_seconds(), load_average(), time.monotonic()
    synced = sync_times_ms(folder)
    async with stage(folder, machine, say) as parts:
        product_side = parts.product
        found: Figures = {
            "product_resident_mib_start": resident_mib(product_side.pids),
            "floor_resident_mib_start": resident_mib(parts.floor.pids),
        }
        for side in (parts.floor, product_side):
            await parts.meter.sample(side, COALESCED, WARM_TURNS)
        found["product_resident_mib_warm"] = resident_mib(product_side.pids)
        found["product_idle_cpu_ms_per_second"] = await idle_cpu_ms_per_second(
            product_side, IDLE_SECONDS
        )
        found |= await _side_by_side(parts, sizes)
        found |= await _by_numbers(parts, sizes)
        found |= await _phases(parts, sizes)
        found |= await _commits(parts)
        found |= await _memory(parts, sizes)
        found |= await _workers(parts, sizes)
    elapsed = time.monotonic() - began
    return found | {
        "machine_cores": machine.number,
        "machine_stolen_percent": (steal_seconds() - stolen) * 100 / elapsed / machine.number,
        "machine_sync_ms_p50": percentile(synced, 0.5),
        "machine_sync_ms_p95": percentile(synced, 0.95),
        "machine_load_average_before": loaded,
        "machine_load_average_after": load_average(),
        "bench_seconds": elapsed,
    }


async def _alternating(
    parts: Stage, sides: tuple[Side, Side], scene: Scene, turns: int, rounds: int
) -> tuple[list[Sample], list[Sample]]:
    """Sample one and the other, then the other and one, and so on."""
    one, other = sides
    taken: dict[str, list[Sample]] = {one.name: [], other.name: []}
    for number in range(rounds):
        for side in (one, other) if number % 2 == 0 else (other, one):
            sample = await parts.meter.sample(side, scene, turns)
            taken[side.name].append(sample)
            parts.say(
                f"{scene.name}, {scene.in_flight} in flight, round {number + 1} of {rounds}: "
                f"{side.name} {sample.cpu_ms:.2f} ms of CPU a turn, "
                f"{sample.turns_per_second:.0f} turns/s"
            )
    return taken[one.name], taken[other.name]


async def _side_by_side(parts: Stage, sizes: Sizes) -> Figures:
    found: Figures = {}
    for scene, turns in ((COALESCED, sizes.coalesced), (PER_TOKEN, sizes.per_token)):
        floor, served = await _alternating(
            parts, (parts.floor, parts.product), scene, turns, sizes.rounds
        )
        found |= figures_of([*floor, *served])
        found |= ratios(f"ratio_{scene.name}", served, floor)
    return found


async def _by_numbers(parts: Stage, sizes: Sizes) -> Figures:
    """Fewer turns at a time; and the first token, with an upstream that takes its time."""
    samples: list[Sample] = []
    found: Figures = {}
    for scene in (COALESCED_16, COALESCED_1):
        parts.say(f"{scene.in_flight} in flight")
        samples += [
            await parts.meter.sample(side, scene, sizes.few * 2)
            for side in (parts.floor, parts.product)
        ]
    for scene in (PACED_16, PACED_1):
        parts.say(f"first token, {scene.in_flight} in flight")
        for side in (parts.floor, parts.product):
            found |= first_token_figures(await parts.meter.sample(side, scene, sizes.few))
    return figures_of(samples) | found


async def _phases(parts: Stage, sizes: Sizes) -> Figures:
    parts.say("phases, 1 in flight")
    caller = parts.product.client
    before = await scraped(parts.served.http_port)
    _, seen = await parts.meter.watched(parts.product, COALESCED_1, sizes.traces, keep=True)
    after = await scraped(parts.served.http_port)
    traces = [await caller.trace(turn_of(stream)) for stream in seen.streams]
    return phase_figures(traces) | phase_means(before, after)


async def _commits(parts: Stage) -> Figures:
    """The two commits by themselves, in a process that does nothing else."""
    parts.say("a turn's two commits by themselves")
    served = parts.served
    ports = int(served.address.rpartition(":")[2]), served.http_port
    async with child(
        sys.executable,
        "-m",
        "bench.commits",
        core=parts.order.core,
        log=parts.order.folder / "parts.log",
        environment=environment(parts.order, *ports),
    ) as process:
        told, _ = await process.communicate()
    if process.returncode:
        raise BenchFailedError(f"bench.commits failed:\n{tail(parts.order.folder / 'parts.log')}")
    return {str(name): float(value) for name, value in orjson.loads(told).items()}


async def _memory(parts: Stage, sizes: Sizes) -> Figures:
    """What the process holds after many turns, and whether it grew in their second half."""
    half = resident_mib(parts.product.pids)
    if sizes.memory:
        for name in ("first", "second"):
            half = resident_mib(parts.product.pids)
            parts.say(f"memory: {name} half of {sizes.memory} turns")
            await parts.meter.sample(parts.product, COALESCED, sizes.memory // 2)
    end = resident_mib(parts.product.pids)
    return {
        "product_resident_mib_end": end,
        "product_resident_mib_grown_in_last_half": end - half,
        "product_turns_of_memory_run": float(sizes.memory),
    }


async def _workers(parts: Stage, sizes: Sizes) -> Figures:
    """Two processes on one core against one: what sharing the work costs, not what it gains."""
    parts.say("starting a second product with two workers")
    async with AsyncExitStack() as lifetimes:
        enter = lifetimes.enter_async_context
        two = await enter(product(replace(parts.order, workers=2)))
        alone, pair = [
            Side(
                name=name,
                client=await enter(client(served.address, parts.key, WORKER_CHANNELS)),
                pids=served.pids,
            )
            for name, served in (("one_worker", parts.served), ("two_workers", two))
        ]
        await parts.meter.sample(pair, COALESCED, WARM_TURNS)
        one, both = await _alternating(
            parts, (alone, pair), COALESCED, sizes.coalesced, sizes.worker_rounds
        )
        found = ratios("ratio_two_workers", both, one)
    return found | {
        "two_workers_cpu_ms_per_turn_coalesced_64": figures_of(both)[
            "two_workers_cpu_ms_per_turn_coalesced_64"
        ]
    }
