"""The survival run by hand: `make survive MINUTES=5`."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from shutil import rmtree

import psycopg

from adapters.postgres.database import DatabaseSettings
from adapters.postgres.embedded import embedded_server
from adapters.postgres.embedded_lifetime import SUPERUSER
from adapters.postgres.migration import migrate
from adapters.postgres.roles import REQUEST, WRITER
from tests.plugins.keeper import ends_postgres
from tests.survival.run import Outcome, Terms, survive

NAME = "survival"


async def _run(terms: Terms, folder: Path) -> Outcome:
    ends_postgres(folder / "postgres")
    async with embedded_server(folder / "postgres") as server:
        with psycopg.connect(server.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            connection.execute(f"create database {NAME}".encode())
        await asyncio.to_thread(migrate, server.url(SUPERUSER, NAME))
        database = DatabaseSettings(
            request_url=server.url(REQUEST, NAME), writer_url=server.url(WRITER, NAME)
        )
        return await survive(terms, database, folder)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.survival", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--kill-every", type=float, default=20.0, help="seconds")
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    terms = Terms(
        kills=max(1, round(options.minutes * 60 / options.kill_every)),
        kill_every_seconds=options.kill_every,
        servers=options.servers,
        clients=options.clients,
        seed=options.seed,
    )
    print(f"{terms}", flush=True)  # noqa: T201 - its output
    # Not below a folder of our own: for root, PostgreSQL runs as a user who may not go there.
    folder = Path(tempfile.mkdtemp(prefix="somagent-survival-"))
    folder.chmod(0o755)
    try:
        outcome = asyncio.run(_run(terms, folder))
    except BaseException:
        print(f"not finished; logs: {folder}")  # noqa: T201 - its output
        raise
    for line in [*outcome.tally.errors, *outcome.tally.broken]:
        print(line)  # noqa: T201 - its output
    if outcome.survived:
        rmtree(folder, ignore_errors=True)
    else:
        print(f"{outcome.aftermath}\nlogs: {folder}")  # noqa: T201 - its output
    print(outcome)  # noqa: T201 - its output
    return 0 if outcome.survived else 1


if __name__ == "__main__":
    sys.exit(main())
