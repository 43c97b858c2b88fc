"""Runs the revisions that a database lacks, through Alembic."""

from pathlib import Path
from threading import Lock
from typing import Final

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.pool import NullPool

from adapters.postgres.roles import LOGINS, OWNER

_ALEMBIC: Final = Lock()
"""Alembic keeps what it works on in its modules: one thread at a time."""


def upgrade(url: str) -> None:
    """Bring the tables up to the newest revision. Blocking; the caller holds the advisory lock."""
    with _ALEMBIC:
        engine = sa.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool
        )
        with engine.connect() as connection:
            connection.execute(sa.text(f"set role {OWNER}"))
            connection.commit()
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.execute(sa.text(f"grant select on alembic_version to {', '.join(LOGINS)}"))
            connection.commit()
        engine.dispose()


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
