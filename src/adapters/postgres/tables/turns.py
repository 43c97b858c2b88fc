"""Sessions, turns, and what they hold."""

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

sessions = tenant_table(
    "sessions",
    sa.Column("session_id", sa.Uuid, nullable=False),
    sa.Column("capsule", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("busy", sa.SmallInteger, nullable=False),
    sa.Column("max_waiting", sa.Integer, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("deleted_at", INSTANT),
    sa.Column("open_turn", sa.Uuid, comment="RUNNING or PAUSED"),
    sa.Column(
        "waiting",
        ARRAY(sa.Uuid),
        nullable=False,
        server_default="{}",
        comment="QUEUED turns, head first",
    ),
    sa.Column(
        "event_sequence",
        sa.BigInteger,
        nullable=False,
        server_default="0",
        comment="number of the session's last outgoing event",
    ),
    sa.Column(
        "requests_dropped",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="it is deleted, and its request ids were kept long enough",
    ),
    sa.CheckConstraint("open_turn is not null or waiting = '{}'", name="queue"),
    sa.Index(
        "sessions_deleted",
        "tenant_id",
        "deleted_at",
        postgresql_where=sa.text("deleted_at is not null and not requests_dropped"),
    ),
    key=("session_id",),
    writer=Access.WRITE,
    policies=(
        RECONCILED,
        Policy(SWEEPER, "select, update (requests_dropped)", older_than_a_day("deleted_at")),
    ),
    fillfactor=40,
)

turn_requests = tenant_table(
    "turn_requests",
    sa.Column("session_id", sa.Uuid, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("turn_id", sa.Uuid, nullable=False),
    key=("session_id", "request_id"),
    writer=Access.APPEND,
    policies=(Policy(SWEEPER, "select, delete", "true"),),
    partition_by="session_id",
)

turns = tenant_table(
    "turns",
    sa.Column("turn_id", sa.Uuid, nullable=False),
    sa.Column("session_id", sa.Uuid, nullable=False),
    sa.Column("capsule_version_id", sa.Uuid, nullable=False),
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("owner_id", sa.Uuid, nullable=False, comment="the server that drives it"),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("lease_until", INSTANT),
    sa.Column(
        "awaits_driver",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="promoted, and its server has not taken it up yet",
    ),
    sa.Column("sequence_ceiling", sa.BigInteger, nullable=False),
    sa.Column("round", sa.Integer, nullable=False, comment="the last one that was committed"),
    sa.Column("settlements", sa.Integer, nullable=False, comment="steps of its ledger lines"),
    sa.Column("hold_period", sa.Date, nullable=False),
    sa.Column("hold_accounts", ARRAY(sa.Uuid), nullable=False),
    sa.Column("hold_metrics", ARRAY(sa.SmallInteger), nullable=False),
    sa.Column("hold_amounts", ARRAY(sa.BigInteger), nullable=False),
    sa.Column("question_id", sa.Uuid, nullable=False),
    sa.Column("terms", sa.LargeBinary, nullable=False, comment="JSON of the order but its text"),
    sa.Column("accepted_at", INSTANT, nullable=False),
    sa.Column("deadline_at", INSTANT, nullable=False),
    sa.Column("finished_at", INSTANT),
    sa.Column("promoted_turn", sa.Uuid, comment="which its end promoted"),
    sa.Column("record_id", sa.Uuid),
    sa.Column("answer_id", sa.Uuid),
    sa.Column("outcome", sa.LargeBinary, comment="JSON of its usage and failure"),
    sa.Column(
        "checkpoint",
        sa.LargeBinary,
        comment="JSON of what it had done by its last round or pause",
    ),
    sa.Column("trace", sa.LargeBinary, comment="JSON of the decision trace"),
    sa.Column(
        "take_overs",
        sa.SmallInteger,
        nullable=False,
        server_default="0",
        comment="servers that were lost with it since it last got any further",
    ),
    sa.Column(
        "taken_fence",
        sa.BigInteger,
        comment="the fence under which it was last taken on",
    ),
    sa.Column(
        "taken_step",
        sa.Integer,
        nullable=False,
        server_default="0",
        comment="how often it was taken on again under that fence",
    ),
    sa.Column("waits_until", INSTANT, comment="while it is paused, if nobody decides any more"),
    sa.CheckConstraint("(state = 2) = (lease_until is not null)", name="lease"),
    sa.CheckConstraint(
        "0 <= all (hold_amounts) and 1000000000000 >= all (hold_amounts)", name="holds"
    ),
    sa.Index("turns_leases", "lease_until", postgresql_where=sa.text("state = 2")),
    sa.Index("turns_free", "waits_until", postgresql_where=sa.text("state = 3")),
    sa.Index("turns_paused", "tenant_id", "waits_until", postgresql_where=sa.text("state = 3")),
    sa.Index("turns_promoted", "owner_id", postgresql_where=sa.text("awaits_driver")),
    sa.Index("turns_of_session", "tenant_id", "session_id", "turn_id"),
    key=("turn_id",),
    writer=Access.WRITE,
    policies=(RECONCILED, Policy(SWEEPER, "select, update", "state in (2, 3)")),
    partition_by="turn_id",
    external=("trace",),
    fillfactor=60,
)

messages = tenant_table(
    "messages",
    sa.Column("message_id", sa.Uuid, nullable=False),
    sa.Column("session_id", sa.Uuid, nullable=False),
    sa.Column("turn_id", sa.Uuid, nullable=False),
    sa.Column("role", sa.SmallInteger, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Index("messages_of_session", "tenant_id", "session_id", "turn_id", "message_id"),
    key=("message_id",),
    writer=Access.APPEND,
    partition_by="message_id",
)

turn_events = tenant_table(
    "turn_events",
    sa.Column("turn_id", sa.Uuid, nullable=False),
    sa.Column("first_sequence", sa.BigInteger, nullable=False),
    sa.Column("last_sequence", sa.BigInteger, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.CheckConstraint("first_sequence <= last_sequence", name="order"),
    key=("turn_id", "first_sequence"),
    writer=Access.WRITE,
    partition_by="turn_id",
    external=("payload",),
)

turn_watchers = tenant_table(
    "turn_watchers",
    sa.Column("turn_id", sa.Uuid, nullable=False),
    sa.Column("server_id", sa.Uuid, nullable=False),
    sa.Column("until", INSTANT, nullable=False),
    key=("turn_id", "server_id"),
    writer=Access.FULL,
)
"""Servers from which somebody watches a turn that another one drives."""

turn_cancellations = tenant_table(
    "turn_cancellations",
    sa.Column("turn_id", sa.Uuid, nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("requested_at", INSTANT, nullable=False),
    sa.Index("turn_cancellations_in_time", "tenant_id", "requested_at"),
    key=("turn_id",),
    writer=Access.APPEND,
    policies=(Policy(SWEEPER, "select, delete", older_than_a_day("requested_at")),),
)
"""Turns that somebody has asked to cancel; the first to ask is kept."""
