"""What every commit of a tenant passes: the tenant's row, and the events it sends out."""

import sqlalchemy as sa

from adapters.postgres.roles import RELAY, SEALER, SWEEPER
from adapters.postgres.tables.metadata import (
    INSTANT,
    RECONCILED,
    Access,
    Policy,
    tenant_table,
)

tenants = tenant_table(
    "tenants",
    sa.Column(
        "record_position",
        sa.BigInteger,
        nullable=False,
        server_default="0",
        comment="position of the last record in the tenant's chain",
    ),
    sa.Column(
        "period", sa.Date, comment="the month, by its first day, for which accounts were opened"
    ),
    request=Access.APPEND,
    writer=Access.WRITE,
    policies=(RECONCILED, Policy(SWEEPER, "select", "true")),
    fillfactor=20,
)
"""One narrow row a tenant. Its lock serialises what only its holder touches: accounts, sessions,
request keys, reservations and positions. What else is known of a tenant lives elsewhere."""

outbox = tenant_table(
    "outbox",
    sa.Column("event_id", sa.Uuid, nullable=False),
    sa.Column("key_id", sa.Uuid, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("version", sa.SmallInteger, nullable=False, server_default="1"),
    sa.Column("traceparent", sa.Text, nullable=False, server_default=""),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("occurred_at", INSTANT, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("published_at", INSTANT),
    sa.Index(
        "outbox_unpublished",
        sa.text("(get_byte(uuid_send(key_id), 15) & 63)"),
        "key_id",
        "sequence",
        postgresql_where=sa.text("published_at is null"),
    ),
    sa.Index(
        "outbox_published",
        "tenant_id",
        "key_id",
        "sequence",
        postgresql_where=sa.text("published_at is not null"),
    ),
    sa.Index(
        "outbox_in_time",
        "tenant_id",
        "created_at",
        postgresql_where=sa.text("published_at is not null"),
    ),
    key=("event_id",),
    request=Access.APPEND,
    writer=Access.APPEND,
    policies=(
        RECONCILED,
        Policy(RELAY, "select, update (published_at)", "true"),
        Policy(SEALER, "insert", "type = 'records.sealed'"),
    ),
    partition_by="event_id",
)
"""Outgoing events: of one key numbered without gaps, by whoever holds the tenant's row."""

event_keys = tenant_table(
    "event_keys",
    sa.Column("key_id", sa.Uuid, nullable=False),
    sa.Column("event_sequence", sa.BigInteger, nullable=False, server_default="0"),
    key=("key_id",),
    request=Access.WRITE,
    writer=Access.WRITE,
    policies=(RECONCILED, Policy(SEALER, "select, insert, update", "true")),
    fillfactor=40,
)
"""The number of the last outgoing event of keys that are not sessions (those keep their own)."""
