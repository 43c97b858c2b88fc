"""Capabilities that tenants registered."""

import sqlalchemy as sa

from adapters.postgres.tables.metadata import INSTANT, Access, tenant_table

_USD = sa.Numeric(20, 9)

capabilities = tenant_table(
    "capabilities",
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("modality", sa.Text, nullable=False),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("model_tier", sa.Text, nullable=False),
    sa.Column("cost_tier", sa.Text, nullable=False),
    sa.Column("context_window", sa.BigInteger, nullable=False),
    sa.Column("input_price", _USD, nullable=False, comment="USD for a million tokens"),
    sa.Column("cached_price", _USD, nullable=False),
    sa.Column("output_price", _USD, nullable=False),
    sa.Column("tool_calling", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("local", sa.Boolean, nullable=False),
    sa.Column("supports_logprobs", sa.Boolean, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    key=("name",),
    request=Access.WRITE,
)
