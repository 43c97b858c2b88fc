"""Capsules and their versions."""

import sqlalchemy as sa

from adapters.postgres.tables.metadata import INSTANT, Access, tenant_table

capsules = tenant_table(
    "capsules",
    sa.Column("capsule_version_id", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("display_name", sa.Text, nullable=False),
    sa.Column("document", sa.LargeBinary, nullable=False, comment="the manifest, RFC 8785"),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("activated_at", INSTANT),
    sa.Column("revision", sa.BigInteger, nullable=False, comment="counts changes of the state"),
    sa.UniqueConstraint("tenant_id", "name", "version"),
    sa.Index("capsules_in_order", "tenant_id", "name", sa.text("capsule_version_id desc")),
    sa.Index(
        "capsules_active",
        "tenant_id",
        "name",
        unique=True,
        postgresql_where=sa.text("state = 2"),
    ),
    key=("capsule_version_id",),
    request=Access.WRITE,
)
"""Versions of capsules; but for their state they never change. One of a name is active."""
