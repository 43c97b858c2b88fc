"""Request keys of mutations that have no table of their own for them."""

import sqlalchemy as sa

from adapters.postgres.roles import SWEEPER
from adapters.postgres.tables.metadata import (
    INSTANT,
    Access,
    Policy,
    older_than_a_day,
    tenant_table,
)

requests = tenant_table(
    "requests",
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("resource", sa.Text, nullable=False, comment="what it made or changed"),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Index("requests_in_time", "tenant_id", "created_at"),
    key=("method", "request_id"),
    request=Access.FULL,
    writer=Access.FULL,
    policies=(Policy(SWEEPER, "select, delete", older_than_a_day("created_at")),),
)
"""What was asked under a request id and what came of it, kept for a day at the least."""
