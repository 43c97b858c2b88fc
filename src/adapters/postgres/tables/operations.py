"""What reconciliations have found, and when they were made."""

import sqlalchemy as sa

from adapters.postgres.roles import RECONCILER
from adapters.postgres.tables.metadata import INSTANT, Policy, platform_table

findings = platform_table(
    "findings",
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("tenant_id", sa.Uuid, nullable=False),
    sa.Column("reference", sa.Text, nullable=False, comment="what is wrong: see the kind"),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("repaired", sa.Boolean, nullable=False),
    sa.Column("found_at", INSTANT, nullable=False),
    sa.Column("seen_at", INSTANT, nullable=False),
    sa.Column(
        "place",
        sa.Text(collation="C"),
        sa.Computed("kind || ' ' || tenant_id::text || ' ' || reference", persisted=True),
        comment="where it stands among all, as pages of them have it",
    ),
    sa.Index("findings_in_order", "place"),
    sa.Index("findings_of_tenant", "tenant_id", "place"),
    key=("kind", "tenant_id", "reference"),
    policies=(Policy(RECONCILER, "select, insert, update, delete", "true"),),
)
"""What must not exist, and does, of all tenants."""

reconciliations = platform_table(
    "reconciliations",
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("began_at", INSTANT, nullable=False),
    sa.Column("ended_at", INSTANT, comment="when one last came to its end"),
    sa.Column("leased_until", INSTANT, comment="while a server is at it"),
    key=("scope",),
    policies=(Policy(RECONCILER, "select, insert, update", "true"),),
)
"""The last passes of each scope."""

usage_naming = platform_table(
    "usage_naming",
    sa.Column("since", INSTANT, nullable=False, comment="when revision 0003 was made"),
    key=("since",),
    policies=(Policy(RECONCILER, "select", "true"),),
)
"""Since when every usage event names what it is about, in one row."""
