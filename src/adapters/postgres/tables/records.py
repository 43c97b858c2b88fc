"""Provenance records."""

import sqlalchemy as sa

from adapters.postgres.roles import SEALER
from adapters.postgres.tables.metadata import (
    INSTANT,
    RECONCILED,
    Access,
    Policy,
    platform_table,
    tenant_table,
)

records = tenant_table(
    "records",
    sa.Column("record_id", sa.Uuid, nullable=False),
    sa.Column("turn_id", sa.Uuid),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("nonce", sa.LargeBinary),
    sa.Column("seal", sa.LargeBinary),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Index("records_in_order", "tenant_id", "position"),
    sa.Index("records_unsealed", "tenant_id", "position", postgresql_where=sa.text("seal is null")),
    key=("record_id",),
    writer=Access.APPEND,
    policies=(
        RECONCILED,
        Policy(SEALER, "select, update (seal)", "true"),
    ),
    partition_by="record_id",
)
"""Records as canonical JSON, at a position without gaps in their tenant's chain."""

chain_heads = tenant_table(
    "chain_heads",
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    request=Access.READ,
    policies=(Policy(SEALER, "select, insert, update", "true"),),
    fillfactor=40,
)
"""The last sealed record of each chain. Sealers compare and set it; nobody locks it for longer."""

sealing = platform_table(
    "sealing",
    sa.Column("only_row", sa.Boolean, nullable=False),
    sa.Column("sealer_id", sa.Uuid, nullable=False, comment="the server that was last shown some"),
    sa.Column("leased_until", INSTANT, comment="so long others are shown none"),
    sa.Column("shown_to", sa.Uuid, comment="the last tenant of a page that was full"),
    sa.CheckConstraint("only_row", name="only_row"),
    key=("only_row",),
    policies=(Policy(SEALER, "select, insert, update", "true"),),
)
"""Whose turn it is to seal: one row, made by whoever seals first. Chains do not rest on it."""
