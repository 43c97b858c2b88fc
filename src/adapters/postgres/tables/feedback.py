"""What subjects say of answers."""

import sqlalchemy as sa

from adapters.postgres.tables.metadata import INSTANT, Access, tenant_table

feedback = tenant_table(
    "feedback",
    sa.Column("turn_id", sa.Uuid, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("rating", sa.SmallInteger, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    key=("turn_id", "subject"),
    request=Access.WRITE,
    partition_by="turn_id",
)
"""The last word of each subject on each turn; it goes with its turn."""
