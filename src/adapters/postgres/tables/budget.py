"""Accounts, their limits, reservations and the ledger."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from adapters.postgres.roles import SWEEPER
from adapters.postgres.tables.metadata import (
    INSTANT,
    RECONCILED,
    Access,
    Policy,
    older_than_a_day,
    tenant_table,
)

limits = tenant_table(
    "limits",
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("metric", sa.SmallInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("amount", sa.BigInteger, sa.CheckConstraint("amount >= 0", name="amount")),
    sa.Column(
        "version",
        sa.BigInteger,
        nullable=False,
        server_default="1",
        comment="counts changes of the amount",
    ),
    key=("account_id", "metric"),
    writer=Access.FULL,
    policies=(Policy(SWEEPER, "select", "true"),),
)
"""Standing limits, from which each month's accounts are opened; a null amount is unlimited."""

accounts = tenant_table(
    "accounts",
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("metric", sa.SmallInteger, nullable=False),
    sa.Column("period", sa.Date, nullable=False),
    sa.Column("limit_amount", sa.BigInteger),
    sa.Column("spent", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("held", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("overrun", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column(
        "warned",
        sa.SmallInteger,
        nullable=False,
        server_default="0",
        comment="the highest announced percentage of the limit that spent has passed",
    ),
    sa.Column(
        "announced",
        sa.SmallInteger,
        nullable=False,
        server_default="0",
        comment="the highest percentage whose warning was sent out",
    ),
    sa.Column(
        "opened_at",
        INSTANT,
        nullable=False,
        server_default=sa.text("clock_timestamp()"),
        comment="what is settled from then on is borne here",
    ),
    sa.CheckConstraint("spent >= 0", name="spent"),
    sa.CheckConstraint("held >= 0", name="held"),
    sa.CheckConstraint("overrun >= 0", name="overrun"),
    # Both columns change twice a month at most: the rows of the hot path stay heap-only.
    sa.Index(
        "accounts_due", "tenant_id", "account_id", postgresql_where=sa.text("warned > announced")
    ),
    sa.Index("accounts_overrun", "tenant_id", "period", postgresql_where=sa.text("overrun > 0")),
    key=("account_id", "metric", "period"),
    writer=Access.WRITE,
    policies=(RECONCILED, Policy(SWEEPER, "select", "warned > announced")),
    fillfactor=20,
)
"""Balances: `spent + held - overrun` never exceeds `limit_amount`, which is null when unlimited."""

reservations = tenant_table(
    "reservations",
    sa.Column("reservation_id", sa.Uuid, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("step", sa.Integer, nullable=False, server_default="0"),
    sa.Column("hold_period", sa.Date, nullable=False),
    sa.Column("hold_accounts", ARRAY(sa.Uuid), nullable=False),
    sa.Column("hold_metrics", ARRAY(sa.SmallInteger), nullable=False),
    sa.Column("hold_amounts", ARRAY(sa.BigInteger), nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("expires_at", INSTANT, nullable=False),
    sa.Column("ended_at", INSTANT),
    sa.Column("used_metrics", ARRAY(sa.SmallInteger), comment="once it is settled"),
    sa.Column("used_amounts", ARRAY(sa.BigInteger)),
    sa.Column("overruns", ARRAY(sa.BigInteger), comment="of each hold, once it is settled"),
    sa.UniqueConstraint("tenant_id", "request_id"),
    sa.Index("reservations_expiry", "expires_at", postgresql_where=sa.text("state = 1")),
    sa.Index(
        "reservations_ended",
        "tenant_id",
        "ended_at",
        postgresql_where=sa.text("ended_at is not null"),
    ),
    key=("reservation_id",),
    writer=Access.WRITE,
    policies=(
        RECONCILED,
        Policy(SWEEPER, "select, delete", f"state = 1 or {older_than_a_day('ended_at')}"),
    ),
    fillfactor=60,
)
"""Reservations by themselves; those of turns lie in the turns' rows."""

ledger = tenant_table(
    "ledger",
    sa.Column("reference_id", sa.Uuid, nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("metric", sa.SmallInteger, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("price_version", sa.Integer, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("period", sa.Date, nullable=False),
    sa.Column("accounts", ARRAY(sa.Uuid), nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    key=("reference_id", "step", "metric"),
    writer=Access.APPEND,
    policies=(RECONCILED,),
    partition_by="reference_id",
)
"""What was used: a line a metric of each settlement (`step`, from 1) of a turn, of a call by itself
or of a reservation by itself. Each settlement is told in one `usage.recorded` that names the same.

`accounts` are those whose `spent` it went into: their `spent` is the sum of their period's lines.
"""

overruns = tenant_table(
    "overruns",
    sa.Column("reference_id", sa.Uuid, nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("metric", sa.SmallInteger, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    key=("reference_id", "step", "account_id", "metric"),
    writer=Access.APPEND,
)
"""The part of a ledger line that fitted neither hold nor limit, in each account where it did not.

An account's `overrun` is the sum of its parts, as far as they were settled since revision 0003.
Most settlements have none.
"""
