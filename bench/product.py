"""The product as its user starts it: `somagent serve` with settings, a tenant, a key, a capsule."""

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import orjson
from aiohttp import ClientError, ClientSession

from bench.machine import with_children
from bench.processes import BenchFailedError, child, tail
from entrypoints.assembly.offline import capsule_files, identifiers, sign_capsules
from entrypoints.assembly.secrets import AUTHOR_KEY, SecretKeeper
from entrypoints.assembly.system import this_system
from entrypoints.cli.administering import NewKey, create_key_with, create_tenant_with
from entrypoints.cli.capsule_install import Installation, install_with
from entrypoints.cli.capsule_text import signed_text
from entrypoints.cli.client import Target, open_client
from entrypoints.operator import operator_key, operators_stores
from entrypoints.settings.settings import Settings
from entrypoints.settings.sources import load

TENANT: Final = "bench"
CAPSULE: Final = Path(__file__).with_name("capsule.yaml")
PROGRAM: Final = (Path(sys.executable).with_name("somagent"), "serve")
_READY_SECONDS: Final = 300.0
_LOOK_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server that answers: its address, and the process ids of which it consists."""

    address: str
    http_port: int
    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to start, where it keeps its data, and who plays its provider."""

    folder: Path
    upstream_port: int
    core: int
    workers: int = 1
    program: tuple[str | Path, ...] = PROGRAM
    extra: tuple[tuple[str, str], ...] = ()


def environment(order: Order, port: int, http_port: int) -> Mapping[str, str]:
    """The settings of the product under measurement; whatever is not here is the default."""
    upstream = f"http://127.0.0.1:{order.upstream_port}"
    model = {"name": "bench-model", "model": "bench", "context_window_tokens": 128_000}
    provider = {"name": "bench", "base_url": f"{upstream}/v1", "models": [model]}
    return {
        "PATH": str(Path(sys.executable).parent),
        "SOMAGENT_SERVER__ADDRESS": f"127.0.0.1:{port}",
        "SOMAGENT_SERVER__HTTP_ADDRESS": f"127.0.0.1:{http_port}",
        "SOMAGENT_SERVER__WORKERS": str(order.workers),
        "SOMAGENT_DATABASE__DATA_FOLDER": str(data_folder(order.folder)),
        "SOMAGENT_SECRETS__STORE_FOLDER": str(order.folder / "secrets"),
        "SOMAGENT_IDENTITY__CALLS_PER_SECOND": "1000000",
        "SOMAGENT_IDENTITY__BURST_CALLS": "1000000",
        "SOMAGENT_PROVIDERS": orjson.dumps([provider]).decode(),
        "SOMAGENT_LOCAL_MODEL__ENABLED": "false",
        "SOMAGENT_LOCAL_MODEL__DISCOVER": "false",
        "SOMAGENT_TELEMETRY__TRACE_RATIO": "0.01",
        "SOMAGENT_TELEMETRY__OTLP_ENDPOINT": f"{upstream}/v1/traces",
        **dict(order.extra),
    }


def data_folder(folder: Path) -> Path:
    return folder / "postgres"


@asynccontextmanager
async def product(order: Order) -> AsyncGenerator[Served]:
    """Start it, and wait until it is ready.

    Raises:
        BenchFailedError: It does not become ready; the message holds the end of its log.
    """
    port, http_port = free_ports(order.workers)
    log = order.folder / "product.log"
    async with child(
        *order.program,
        core=order.core,
        log=log,
        environment=environment(order, port, http_port),
    ) as process:
        await _ready(process, http_port, log)
        yield Served(
            address=f"127.0.0.1:{port}",
            http_port=http_port,
            pids=tuple(with_children(process.pid)),
        )


async def new_api_key(order: Order, served: Served) -> str:
    """Make the tenant, its key and its capsule; gives the key.

    Raises:
        CommandFailedError: The product refused.
    """
    settings = _settings(order, served)
    secrets = SecretKeeper(settings)
    async with operators_stores(settings, lambda _step, _state: None) as stores:
        operator = await operator_key(stores, this_system(), secrets)
    target = Target(address=served.address, key=operator)
    async with open_client(target, identifiers()) as client:
        await create_tenant_with(client, TENANT, "enterprise", "Benchmark")
        new = NewKey(tenant=f"tenants/{TENANT}", display_name="bench", roles=("administrator",))
        key = (await create_key_with(client, new)).secret
    sign, files = sign_capsules(await secrets.need(AUTHOR_KEY)), capsule_files()
    text = CAPSULE.read_text(encoding="utf-8")
    manifest = await signed_text(text, await sign(await files.read(text)), files)
    async with open_client(replace(target, key=key), identifiers()) as client:
        await install_with(client, Installation(tenant=f"tenants/{TENANT}", manifest=manifest))
    return key


async def scraped(http_port: int) -> str:
    """The product's own metrics, as text."""
    async with (
        ClientSession() as session,
        session.get(f"http://127.0.0.1:{http_port}/metrics") as answer,
    ):
        return await answer.text()


def _settings(order: Order, served: Served) -> Settings:
    port = int(served.address.rpartition(":")[2])
    return load(environment(order, port, served.http_port), places=()).settings


async def _ready(process: asyncio.subprocess.Process, http_port: int, log: Path) -> None:
    url = f"http://127.0.0.1:{http_port}/readyz"
    try:
        async with asyncio.timeout(_READY_SECONDS), ClientSession() as session:
            while process.returncode is None:
                try:
                    async with session.get(url) as answer:
                        if answer.ok:
                            return
                except ClientError:
                    pass
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        pass
    raise BenchFailedError(f"somagent serve did not become ready:\n{tail(log)}")


def free_ports(workers: int) -> tuple[int, int]:
    """A port for gRPC, and the first of as many neighbours as there are workers."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            other.bind(("127.0.0.1", 0))
            port, http_port = one.getsockname()[1], other.getsockname()[1]
            if not http_port <= port < http_port + workers and http_port + workers < 1 << 16:
                return port, http_port
