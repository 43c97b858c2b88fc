"""Messages that could not be delivered or taken."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.postgres.roles import RELAY, SWEEPER
from adapters.postgres.tables.metadata import (
    INSTANT,
    Access,
    Policy,
    older_than_a_day,
    tenant_table,
)
from domain.tenancy.tenant import PLATFORM_TENANT_ID

dead_letters = tenant_table(
    "dead_letters",
    sa.Column("letter_id", sa.Uuid, nullable=False),
    sa.Column("source", sa.Text, nullable=False, comment="who gave up: relay, or a consumer"),
    sa.Column("origin", sa.Text, nullable=False, comment="names the message there"),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("key", sa.LargeBinary, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("header_names", ARRAY(sa.Text), nullable=False),
    sa.Column("header_values", ARRAY(sa.LargeBinary), nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("payload_bytes", sa.BigInteger, nullable=False, comment="of all of it"),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("attempted_at", ARRAY(INSTANT), nullable=False),
    sa.Column("attempt_errors", ARRAY(sa.Text), nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False, server_default="1"),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("taken_until", INSTANT, comment="somebody replays it until then"),
    sa.Column("settled_at", INSTANT),
    sa.Column("settled_by", sa.Text, nullable=False, server_default=""),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    sa.Column("version", sa.BigInteger, nullable=False, server_default="0"),
    sa.UniqueConstraint("tenant_id", "source", "origin"),
    sa.Index("dead_letters_in_time", "created_at", "letter_id"),
    sa.Index("dead_letters_of_tenant", "tenant_id", "created_at", "letter_id"),
    sa.Index("dead_letters_of_key", "tenant_id", "key", "created_at", "letter_id"),
    sa.Index(
        "dead_letters_resting",
        "created_at",
        "letter_id",
        postgresql_where=sa.text("state = 1"),
    ),
    sa.Index(
        "dead_letters_resting_of_tenant",
        "tenant_id",
        "created_at",
        "letter_id",
        postgresql_where=sa.text("state = 1"),
    ),
    sa.Index(
        "dead_letters_settled",
        "tenant_id",
        "settled_at",
        postgresql_where=sa.text("settled_at is not null"),
    ),
    key=("letter_id",),
    request=Access.APPEND,
    writer=Access.WRITE,
    policies=(
        Policy(RELAY, "select, insert", "true"),
        Policy(
            SWEEPER,
            "select, delete",
            f"(state <> 1 and {older_than_a_day('settled_at')}) or (state = 1 and version = 0 and "
            f"source <> 'relay' and tenant_id = '{PLATFORM_TENANT_ID}')",
        ),
    ),
)
"""Those whose tenant nobody can tell are the platform's. Contents are bounded by who puts them."""
