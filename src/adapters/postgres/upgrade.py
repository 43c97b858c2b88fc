"""Runs the revisions that a database lacks, through Alembic: a program that is told where."""

import sys
from pathlib import Path
from typing import Final

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.pool import NullPool

from adapters.postgres.roles import LOGINS, OWNER

_LOCK: Final = 0x536F6D62
"""An advisory lock of its own: this may outlive whoever began it and held the migration's."""


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the tables up to a revision, the newest one by itself. Blocking; one at a time."""
    engine = sa.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool
    )
    with engine.connect() as connection:
        connection.execute(sa.text(f"select pg_advisory_lock({_LOCK})"))
        connection.execute(sa.text(f"set role {OWNER}"))
        connection.commit()
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.execute(sa.text(f"grant select on alembic_version to {', '.join(LOGINS)}"))
        connection.commit()
    engine.dispose()


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


if __name__ == "__main__":
    upgrade(sys.stdin.read())  # as an argument, everybody could read the password in it
