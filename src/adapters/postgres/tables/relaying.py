"""How relays share the outgoing events: who is one, and who has which bucket of keys."""

import sqlalchemy as sa

from adapters.postgres.roles import RELAY
from adapters.postgres.tables.metadata import INSTANT, Policy, platform_table

relays = platform_table(
    "relays",
    sa.Column("relay_id", sa.Uuid, nullable=False),
    sa.Column("live_until", INSTANT, nullable=False),
    key=("relay_id",),
    policies=(Policy(RELAY, "select, insert, update, delete", "true"),),
)

relay_buckets = platform_table(
    "relay_buckets",
    sa.Column("bucket", sa.SmallInteger, nullable=False, autoincrement=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("owner_id", sa.Uuid),
    sa.Column("lease_until", INSTANT),
    key=("bucket",),
    policies=(Policy(RELAY, "select, insert, update", "true"),),
)
"""64 rows, made by whoever leases first. Each lease of another relay raises the fence."""
