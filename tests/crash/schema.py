"""An empty database with the service's tables, and its logins."""

import psycopg

from adapters.postgres.database import DatabaseSettings
from adapters.postgres.embedded_lifetime import SUPERUSER, EmbeddedServer
from adapters.postgres.migration import migrate
from adapters.postgres.roles import REQUEST, WRITER


def new_database(server: EmbeddedServer) -> DatabaseSettings:
    """Make it on a server that has none yet."""
    with psycopg.connect(server.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        connection.execute("create database laboratory")
    migrate(server.url(SUPERUSER, "laboratory"))
    return DatabaseSettings(
        request_url=server.url(REQUEST, "laboratory"),
        writer_url=server.url(WRITER, "laboratory"),
    )
