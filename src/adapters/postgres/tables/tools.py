"""Invocations of tools."""

from typing import Final

import sqlalchemy as sa

from adapters.postgres.roles import SWEEPER
from adapters.postgres.tables.metadata import (
    INSTANT,
    RECONCILED,
    Access,
    Policy,
    older_than_a_day,
    tenant_table,
)

# In the words of PostgreSQL, with which it is compared.
_LEFT_AT: Final = """(
CASE
    WHEN state = 1 THEN expires_at
    ELSE decided_at
END)"""

invocations = tenant_table(
    "invocations",
    sa.Column("invocation_id", sa.Uuid, nullable=False),
    sa.Column("turn_id", sa.Uuid),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Column("tool", sa.Text, nullable=False),
    sa.Column("arguments", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("effect", sa.Boolean, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("permit", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("decided_by", sa.Text, nullable=False, server_default=""),
    sa.Column("decided_at", INSTANT),
    sa.Column("expires_at", INSTANT),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("finished_at", INSTANT),
    sa.Column(
        "fence",
        sa.BigInteger,
        nullable=False,
        server_default="0",
        comment="of a call by itself; a call of a turn has the turn's",
    ),
    sa.Column("lease_until", INSTANT, comment="of a call by itself while it is started"),
    # The slug, session, reservation, capsule, key and start are those of a call by itself.
    sa.Column("tenant", sa.Text, nullable=False, server_default=""),
    sa.Column("session_id", sa.Uuid),
    sa.Column("reservation_id", sa.Uuid),
    sa.Column("resolved_by", sa.Text, nullable=False, server_default=""),
    sa.Column("resolved_at", INSTANT),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.Column("capsule_version_id", sa.Uuid),
    sa.Column("key_id", sa.Uuid),
    sa.Column("start_id", sa.Uuid),
    sa.Index("invocations_of_turn", "tenant_id", "turn_id", "invocation_id"),
    sa.Index(
        "invocations_in_state",
        "tenant_id",
        "state",
        "invocation_id",
        postgresql_where=sa.text("state <> 4"),
    ),
    sa.Index(
        "invocations_leases",
        "lease_until",
        postgresql_where=sa.text("state = 3 and turn_id is null"),
    ),
    sa.Index(
        "invocations_left",
        sa.text(_LEFT_AT),
        postgresql_where=sa.text("state in (1, 2) and turn_id is null"),
    ),
    sa.Index(
        "invocations_left_of_tenant",
        "tenant_id",
        sa.text(_LEFT_AT),
        postgresql_where=sa.text("state in (1, 2) and turn_id is null"),
    ),
    key=("invocation_id",),
    writer=Access.WRITE,
    policies=(RECONCILED, Policy(SWEEPER, "select", "state in (1, 2, 3)")),
    partition_by="invocation_id",
    fillfactor=80,
)
"""Calls of tools; those with effects are here before they start."""

invocation_requests = tenant_table(
    "invocation_requests",
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("invocation_id", sa.Uuid, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Index("invocation_requests_in_time", "tenant_id", "created_at"),
    key=("request_id",),
    writer=Access.APPEND,
    policies=(Policy(SWEEPER, "select, delete", older_than_a_day("created_at")),),
)
"""Request keys of calls that clients made by themselves."""
