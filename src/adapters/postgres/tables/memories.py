"""What the built-in memory remembers, and the notes that tools write."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSVECTOR

from adapters.postgres.roles import SEARCHER
from adapters.postgres.tables.metadata import INSTANT, Access, Policy, tenant_table

memories = tenant_table(
    "memories",
    sa.Column("memory_id", sa.Uuid, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, comment="empty: everybody's"),
    sa.Column("session_id", sa.Uuid, comment="null: of all sessions"),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("strength", sa.Double, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("text_digest", sa.LargeBinary, nullable=False),
    sa.Column("nonce", sa.LargeBinary, comment="null once the text was destroyed"),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("forgotten_at", INSTANT),
    sa.Column(
        "words",
        TSVECTOR,
        sa.Computed(
            "case when forgotten_at is null then"
            " to_tsvector('english'::regconfig, text)"
            " || array_to_tsvector(array['tenant:' || tenant_id::text]) end",
            persisted=True,
        ),
    ),
    sa.UniqueConstraint("tenant_id", "request_id"),
    sa.Index(
        "memories_words", "words", postgresql_using="gin", postgresql_with={"fastupdate": "off"}
    ),
    key=("memory_id",),
    request=Access.WRITE,
    policies=(Policy(SEARCHER, "select", "true"),),
)
"""Texts. One lexeme of `words` names the tenant, so that the index finds no other tenant's rows."""

notes = tenant_table(
    "notes",
    sa.Column("note_id", sa.Uuid, nullable=False, comment="the invocation that wrote it"),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("session_id", sa.Uuid),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Index("notes_of_subject", "tenant_id", "subject", "note_id"),
    key=("note_id",),
    request=Access.APPEND,
)
