"""Everything that runs while it is measured: database, upstream, floor and product."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from adapters.postgres.embedded import embedded_server
from bench.load import client
from bench.machine import Cores
from bench.measuring import Meter, Side
from bench.processes import part
from bench.product import PROGRAM, Order, Served, data_folder, new_api_key, product

Say = Callable[[str], None]
"""Tells whoever waits how far it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that runs: both sides, the upstream's port, the database."""

    floor: Side
    product: Side
    served: Served
    order: Order
    key: str
    meter: Meter
    say: Say


@asynccontextmanager
async def stage(
    folder: Path, machine: Cores, say: Say, program: tuple[str | Path, ...] = PROGRAM
) -> AsyncGenerator[Stage]:
    """Start the database, the upstream, the floor and the product, which is the program."""
    log = folder / "parts.log"
    async with AsyncExitStack() as lifetimes:
        enter = lifetimes.enter_async_context
        say("starting PostgreSQL, upstream, floor")
        database = await enter(embedded_server(data_folder(folder)))
        _, port = await enter(part("bench.upstream", core=machine.others, log=log))
        with psycopg.connect(database.url("postgres", "postgres"), autocommit=True) as connection:
            connection.execute("create database floor")
        floor_pid, floor_port = await enter(
            part(
                "bench.floor",
                f"http://127.0.0.1:{port}/v1",
                database.url("postgres", "floor"),
                core=machine.server,
                log=log,
            )
        )
        say("starting the product")
        order = Order(folder=folder, upstream_port=port, core=machine.server, program=program)
        served = await enter(product(order))
        key = await new_api_key(order, served)
        pid = (data_folder(folder) / "data" / "postmaster.pid").read_text(encoding="utf-8")
        yield Stage(
            floor=Side(
                name="floor",
                client=await enter(client(f"127.0.0.1:{floor_port}")),
                pids=(floor_pid,),
            ),
            product=Side(
                name="product",
                client=await enter(client(served.address, key)),
                pids=served.pids,
            ),
            served=served,
            order=order,
            key=key,
            meter=Meter(postgres=int(pid.split()[0])),
            say=say,
        )
