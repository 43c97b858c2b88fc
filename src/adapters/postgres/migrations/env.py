"""Runs revisions over the connection that `adapters.postgres.migration` hands in."""

from alembic import context
from sqlalchemy import Connection

from adapters.postgres.tables.schema import metadata

connection = context.config.attributes["connection"]
if not isinstance(connection, Connection):
    raise TypeError("migrations are run by adapters.postgres.migration, with its connection")
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
