"""Looks at every engine behind the service, running or not: what is there, and what to do."""

import asyncio
import ctypes
import shutil
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, version
from time import monotonic
from typing import Final
from urllib.request import urlopen

from adapters.llama.errors import LocalModelError
from adapters.llama.weights import find_weights
from adapters.openai.discovery import discover
from adapters.openai.probe import probe
from adapters.openai.session import open_session
from adapters.postgres.condition import Condition, DatabaseUnreachableError, condition_of
from adapters.postgres.embedded import embedded_server
from adapters.postgres.errors import DatabaseSetupError
from entrypoints.assembly.delivery import broker_condition
from entrypoints.assembly.models import upstreams
from entrypoints.assembly.platform import login_url
from entrypoints.assembly.secrets import SecretKeeper
from entrypoints.failure import StartError
from entrypoints.settings.settings import Settings
from entrypoints.settings.values import NO_FILE, Profile, host_of

_GIB: Final = 1 << 30
_LITTLE: Final = 2 * _GIB
_TOO_LITTLE: Final = _GIB // 2
_SECONDS: Final = 2.0


class Status(StrEnum):
    OK = "ok"
    OFF = "off"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one look found; `advice` says what to do, empty where nothing is."""

    name: str
    status: Status
    words: str
    version: str = ""
    latency_seconds: float | None = None
    advice: str = ""


async def checkup(settings: Settings) -> Sequence[Finding]:
    """Look at everything at the same time. It starts no server and changes no data.

    An embedded database that was made already is started for the look, where it does not run.
    """
    looks: list[Callable[[Settings], Awaitable[Iterable[Finding]]]] = [
        _server,
        _folder,
        _database,
        _broker,
        _secrets,
        _local_model,
        _providers,
        _nearby,
    ]
    found = await asyncio.gather(*(look(settings) for look in looks))
    return [finding for findings in found for finding in findings]


async def _server(settings: Settings) -> list[Finding]:
    address = settings.server.address
    host, port = host_of(address), int(address.rpartition(":")[2])
    if await asyncio.to_thread(_can_listen, host, port):
        return [_off("server", f"not running; {address} is free")]
    start = monotonic()
    ready = await asyncio.to_thread(_is_ready, settings.server.http_address)
    if ready:
        return [
            Finding(
                name="server",
                status=Status.OK,
                words=f"serves on {address}",
                latency_seconds=monotonic() - start,
            )
        ]
    return [
        Finding(
            name="server",
            status=Status.WARNING,
            words=f"{address} is taken, and nothing says it is ready "
            f"on http://{settings.server.http_address}/readyz",
            advice="stop what listens there, or set server.address to another port",
        )
    ]


async def _folder(settings: Settings) -> list[Finding]:
    folder = settings.database.data_folder
    there = next(path for path in (folder, *folder.parents) if path.exists())
    usage = shutil.disk_usage(there)
    free = f"{usage.free / _GIB:.1f} GiB free"
    if usage.free < _TOO_LITTLE:
        status, advice = Status.FAILED, f"free some space on the disk of {there}"
    elif usage.free < _LITTLE:
        status, advice = Status.WARNING, f"free some space on the disk of {there} soon"
    else:
        status, advice = Status.OK, ""
    return [Finding(name="data folder", status=status, words=f"{folder}, {free}", advice=advice)]


async def _database(settings: Settings) -> list[Finding]:
    try:
        if settings.profile is not Profile.EMBEDDED:
            url = await login_url(
                settings.database.request, SecretKeeper(settings), "database.request"
            )
            return _conditions("by URL", await asyncio.to_thread(condition_of, url))
        folder = settings.database.data_folder
        if not (folder / "data").exists():
            return [_off("postgres", "embedded; made at the first start")]
        async with embedded_server(folder) as server:
            return _conditions("embedded", await asyncio.to_thread(condition_of, server.owner_url))
    except StartError as error:
        return [_failed("postgres", error.what, error.advice)]
    except DatabaseUnreachableError as error:
        return [_failed("postgres", str(error), "start it, or mend the URLs of the settings")]
    except DatabaseSetupError as error:
        return [_failed("postgres", str(error), "")]


def _conditions(how: str, found: Condition) -> list[Finding]:
    return [
        Finding(
            name="postgres",
            status=Status.OK,
            words=how,
            version=found.version,
            latency_seconds=found.latency_seconds,
        ),
        _failed("schema", found.problem, "run `somagent migrate`")
        if found.problem
        else Finding(
            name="schema", status=Status.OK, words="fits this release", version=found.schema
        ),
        Finding(name="pgvector", status=Status.OK, words="there", version=found.vectors)
        if found.vectors
        else Finding(
            name="pgvector",
            status=Status.WARNING,
            words="not there: recall is by words alone",
            advice="install the extension pgvector on the database server",
        ),
    ]


async def _broker(settings: Settings) -> list[Finding]:
    if not settings.kafka.bootstrap_servers:
        return [_off("kafka", "not configured; events go to this process alone")]
    try:
        found = await broker_condition(settings, SecretKeeper(settings))
    except StartError as error:
        return [_failed("kafka", error.what, error.advice)]
    return [
        Finding(
            name="kafka",
            # Events wait in the outbox meanwhile: the service goes on.
            status=Status.WARNING if found.problem else Status.OK,
            words=found.problem or settings.kafka.bootstrap_servers,
            version=found.version,
            latency_seconds=found.latency_seconds if found.version else None,
            advice="run `somagent topics create`, or start the brokers" if found.problem else "",
        )
    ]


async def _secrets(settings: Settings) -> list[Finding]:
    wanted = [
        reference
        for reference in (
            settings.server.tls.key,
            settings.kafka.password,
            *(provider.api_key for provider in settings.providers),
            None if settings.profile is Profile.EMBEDDED else settings.receipts.signing_key,
        )
        if reference
    ]
    try:
        missing = [one for one in wanted if await SecretKeeper(settings).get(one) is None]
    except StartError as error:
        return [_failed("secrets", error.what, error.advice)]
    folder = str(settings.secrets.store_folder)
    if missing:
        return [_failed("secrets", f"missing: {', '.join(missing)}", f"put them into {folder}")]
    return [Finding(name="secrets", status=Status.OK, words=folder)]


async def _local_model(settings: Settings) -> list[Finding]:
    if not settings.runs_local_model:
        return [_off("local model", "not wanted")]
    chosen = settings.local_model.weights_file
    try:
        weights = find_weights() if chosen == NO_FILE else chosen
        size = weights.stat().st_size / (1 << 20)
        carrier = version("xllamacpp")
    except LocalModelError as error:
        return [_failed("local model", str(error), "run `make run`, which installs them")]
    except OSError as error:
        return [_failed("local model", f"{chosen}: {error.strerror}", "mend weights_file")]
    except PackageNotFoundError:
        return [_failed("local model", "xllamacpp is not installed", "install it")]
    found = Finding(
        name="local model",
        status=Status.OK,
        words=f"{weights.name}, {size:.0f} MiB",
        version=f"xllamacpp {carrier}",
    )
    return [found, _openmp()]


def _openmp() -> Finding:
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        advice = "Debian, Ubuntu: apt install libgomp1"
        return _failed("libgomp", "not found; the local model needs it", advice)
    return Finding(name="libgomp", status=Status.OK, words="there")


async def _providers(settings: Settings) -> list[Finding]:
    if not settings.providers:
        return []
    findings: list[Finding] = []
    for upstream in await upstreams(settings, None, SecretKeeper(settings)):
        async with open_session(upstream.provider) as session:
            health = await probe(session, _SECONDS)
        well = health.reachable and not health.cause
        findings.append(
            Finding(
                name=f"provider {health.name}",
                status=Status.OK if well else Status.WARNING,
                words=f"{len(health.models)} models" if well else health.cause,
                latency_seconds=health.latency_seconds if health.reachable else None,
                advice="" if well else "see its base_url and api_key in the settings",
            )
        )
    return findings


async def _nearby(settings: Settings) -> list[Finding]:
    if not (settings.local_model.discover and settings.runs_local_model):
        return []
    return [
        Finding(
            name=server.software,
            status=Status.OK,
            words=f"found at {server.base_url}, {len(server.models)} models",
        )
        for server in await discover()
    ] or [_off("Ollama", "none on this machine; one that runs is offered by itself")]


def _can_listen(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe_socket:
        probe_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe_socket.bind((host, port))
        except OSError:
            return False
    return True


def _is_ready(address: str) -> bool:
    try:
        with urlopen(f"http://{address}/readyz", timeout=_SECONDS) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except (OSError, HTTPException, ValueError):
        return False


def _off(name: str, words: str) -> Finding:
    return Finding(name=name, status=Status.OFF, words=words)


def _failed(name: str, words: str, advice: str) -> Finding:
    return Finding(name=name, status=Status.FAILED, words=words, advice=advice)
