"""The engines under the servers of this machine: database, schema, local model. Opened once."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from adapters.llama.local_model import LocalModel
from adapters.postgres.condition import DatabaseUnreachableError
from adapters.postgres.database import DatabaseSettings
from adapters.postgres.embedded import embedded_server
from adapters.postgres.errors import DatabaseSetupError
from adapters.postgres.reach import check_reached, migrate_reached, with_password
from adapters.postgres.roles import REQUEST, WRITER
from entrypoints.assembly.models import open_local_model
from entrypoints.assembly.secrets import SecretKeeper
from entrypoints.failure import StartError
from entrypoints.settings.sections import LoginSettings
from entrypoints.settings.settings import Settings
from entrypoints.settings.values import Profile

Report = Callable[[str, str], None]
"""Told of a step (`postgres`, `migrations`, `model`, `server`) and where it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What every server process of this machine is given."""

    database: DatabaseSettings
    local_model: LocalModel | None


@asynccontextmanager
async def open_platform(settings: Settings, report: Report) -> AsyncGenerator[Platform]:
    """Start the engines that the profile carries, bring the schema up to date, load the model.

    Raises:
        StartError: A step failed, with what to do.
    """
    async with open_schema(settings, report) as database:
        report("model", "started")
        async with open_local_model(settings, lambda step: report("model", step)) as local_model:
            report("model", "done" if local_model else "not wanted")
            yield Platform(database=database, local_model=local_model)


@asynccontextmanager
async def open_schema(settings: Settings, report: Report) -> AsyncGenerator[DatabaseSettings]:
    """A database that this release can serve: embedded and migrated, or by URL and checked.

    Raises:
        StartError: The server cannot be started or reached, or its schema is not ours.
    """
    report("postgres", "started")
    if settings.profile is Profile.EMBEDDED:
        try:
            async with embedded_server(settings.database.data_folder) as server:
                report("postgres", "done")
                await _migrated(server.owner_url, {}, report)
                yield _database(settings, server.request_url, server.writer_url)
        except DatabaseSetupError as error:
            raise StartError("postgres", str(error), "") from error
        return
    secrets = SecretKeeper(settings)
    request = await login_url(settings.database.request, secrets, "database.request")
    writer = await login_url(settings.database.writer, secrets, "database.writer")
    if settings.database.owner.url:
        owner = await login_url(settings.database.owner, secrets, "database.owner")
        await _migrated(owner, await _passwords(settings, secrets), report)
    await _checked(request)
    report("postgres", "done")
    yield _database(settings, request, writer)


async def login_url(login: LoginSettings, secrets: SecretKeeper, key: str) -> str:
    """A login's conninfo, its password in it.

    Raises:
        StartError: It is not set.
    """
    if not login.url:
        raise StartError("postgres", f"{key}.url is not set", "the profile standard needs it")
    if login.password is None:
        return login.url
    return with_password(login.url, await secrets.need(login.password))


async def migrate_schema(settings: Settings, report: Report) -> None:
    """Bring the schema of the configured database up to date, and nothing else.

    Raises:
        StartError: It cannot be done.
    """
    if settings.profile is Profile.EMBEDDED:
        async with open_schema(settings, report):
            return
    secrets = SecretKeeper(settings)
    owner = await login_url(settings.database.owner, secrets, "database.owner")
    await _migrated(owner, await _passwords(settings, secrets), report)


async def _passwords(settings: Settings, secrets: SecretKeeper) -> dict[str, str]:
    logins = {REQUEST: settings.database.request, WRITER: settings.database.writer}
    return {
        role: await secrets.need(login.password)
        for role, login in logins.items()
        if login.password is not None
    }


async def _migrated(url: str, passwords: dict[str, str], report: Report) -> None:
    report("migrations", "started")
    try:
        await asyncio.to_thread(migrate_reached, url, passwords)
    except DatabaseUnreachableError as error:
        raise _unreachable(error) from error
    except DatabaseSetupError as error:
        raise StartError("migrations", str(error), "") from error
    report("migrations", "done")


async def _checked(url: str) -> None:
    try:
        await asyncio.to_thread(check_reached, url)
    except DatabaseUnreachableError as error:
        raise _unreachable(error) from error
    except DatabaseSetupError as error:
        raise StartError("migrations", str(error), "run: somagent migrate") from error


def _unreachable(error: DatabaseUnreachableError) -> StartError:
    return StartError(
        "postgres",
        f"the database does not answer: {error}",
        "is the server running, and is the URL in the settings right?",
    )


_LEAST_SILENCE: Final = 2.0
"""Seconds in which a busy database may well say nothing, however short the lease of turns is."""


def _database(settings: Settings, request_url: str, writer_url: str) -> DatabaseSettings:
    wanted = settings.database
    return replace(
        DatabaseSettings(request_url=request_url, writer_url=writer_url),
        request_connections=wanted.request_connections,
        writer_connections=wanted.writer_connections,
        connect_seconds=wanted.connect_seconds,
        wait_seconds=wanted.wait_seconds,
        statement_seconds=wanted.statement_seconds,
        lock_seconds=wanted.lock_seconds,
        idle_in_transaction_seconds=wanted.idle_in_transaction_seconds,
        silence_seconds=max(_LEAST_SILENCE, settings.turns.lease_seconds / 3),
    )
