"""Tenants as people know them, and their keys."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.postgres.roles import DIRECTORY
from adapters.postgres.tables.metadata import INSTANT, Access, Policy, tenant_table

tenant_profiles = tenant_table(
    "tenant_profiles",
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("standing", sa.SmallInteger, nullable=False),
    sa.Column("standing_reason", sa.Text, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column(
        "switched_on",
        ARRAY(sa.Text),
        nullable=False,
        server_default="{}",
        comment="features; of those in neither list the default holds",
    ),
    sa.Column("switched_off", ARRAY(sa.Text), nullable=False, server_default="{}"),
    request=Access.WRITE,
    writer=Access.WRITE,
    policies=(Policy(DIRECTORY, "select", "true"),),
)
"""What is known of a tenant, beside the hot row of `tenants`. Slugs are unique in the service: the
one key here that no tenant leads."""

api_keys = tenant_table(
    "api_keys",
    sa.Column("key_id", sa.Uuid, nullable=False, unique=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("roles", ARRAY(sa.Text), nullable=False),
    sa.Column("scopes", ARRAY(sa.Text), nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False, comment="SHA-256 of the secret"),
    sa.Column("creator", sa.Text, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("expires_at", INSTANT),
    sa.Column("revoked_at", INSTANT),
    sa.Column("version", sa.BigInteger, nullable=False),
    key=("key_id",),
    request=Access.WRITE,
    policies=(Policy(DIRECTORY, "select", "true"),),
)
"""API keys. One is looked up before its tenant is known, by an identifier unique in the service."""
