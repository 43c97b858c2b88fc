"""The roles of the database, and the functions that run with rights of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

OWNER: Final = "somagent_owner"
"""Owns every table and does not serve."""

REQUEST: Final = "somagent_request"
"""The login of requests: sees one tenant, `app.tenant`."""

WRITER: Final = "somagent_writer"
"""The login of the writer: sees the tenants of its batch, `app.tenants`."""

LOGINS: Final = (REQUEST, WRITER)

SWEEPER: Final = "somagent_sweeper"
"""Takes over turns, ends reservations whose time is over and deletes what was kept long enough."""

RELAY: Final = "somagent_relay"
"""Reads and marks outgoing events, and reads and writes dead letters, of all tenants."""

SEALER: Final = "somagent_sealer"
"""Reads and seals records of all tenants."""

DIRECTORY: Final = "somagent_directory"
"""Finds a tenant, or a credential, before the tenant is known."""

SEARCHER: Final = "somagent_searcher"
"""Searches texts of one named tenant, where the planner cannot under row security."""

RECONCILER: Final = "somagent_reconciler"
"""Reads what is kept of all tenants to hold it against itself, and writes what it finds."""

DEFINER_ROLES: Final = (SWEEPER, RELAY, SEALER, DIRECTORY, SEARCHER, RECONCILER)


@dataclass(frozen=True, slots=True)
class Definer:
    """A SECURITY DEFINER function: `functions/<name>.sql`, run as `role`, called by `callers`.

    `role` is one of `DEFINER_ROLES`, which see rows by policies of their own (`Policy` of a table),
    or the owner where a partition must be made.
    """

    name: str
    role: str
    callers: Sequence[str]


DEFINERS: Final = (
    Definer("open_partitions", OWNER, (WRITER,)),
    Definer("drop_published", OWNER, (WRITER,)),
    Definer("take_over_expired", SWEEPER, (WRITER,)),
    Definer("promoted_turns", SWEEPER, (WRITER,)),
    Definer("decided_turns", SWEEPER, (WRITER,)),
    Definer("stuck_turns", SWEEPER, (REQUEST,)),
    Definer("expired_reservations", SWEEPER, (WRITER,)),
    Definer("expired_invocations", SWEEPER, (WRITER,)),
    Definer("stalled_invocations", SWEEPER, (WRITER,)),
    Definer("due_warnings", SWEEPER, (WRITER,)),
    Definer("drop_overdue", SWEEPER, (WRITER,)),
    Definer("drop_unknown", SWEEPER, (WRITER,)),
    Definer("lease_buckets", RELAY, (WRITER,)),
    Definer("leave_buckets", RELAY, (WRITER,)),
    Definer("due_events", RELAY, (WRITER,)),
    Definer("mark_published", RELAY, (WRITER,)),
    Definer("set_event_aside", RELAY, (WRITER,)),
    Definer("outbox_backlog", RELAY, (WRITER,)),
    Definer("unsealed_records", SEALER, (WRITER,)),
    Definer("seal_records", SEALER, (WRITER,)),
    Definer("dead_letter_page", RELAY, (REQUEST,)),
    Definer("tenant_page", RECONCILER, (WRITER,)),
    Definer("overdue_findings", RECONCILER, (WRITER,)),
    Definer("open_holds", RECONCILER, (WRITER,)),
    Definer("unequal_accounts", RECONCILER, (WRITER,)),
    Definer("faulty_turns", RECONCILER, (WRITER,)),
    Definer("broken_sequences", RECONCILER, (WRITER,)),
    Definer("usage_slice", RECONCILER, (WRITER,)),
    Definer("usage_between", RECONCILER, (WRITER,)),
    Definer("usage_of", RECONCILER, (WRITER,)),
    Definer("begin_reconciliation", RECONCILER, (WRITER,)),
    Definer("hold_reconciliation", RECONCILER, (WRITER,)),
    Definer("keep_findings", RECONCILER, (WRITER,)),
    Definer("spare_findings", RECONCILER, (WRITER,)),
    Definer("end_reconciliation", RECONCILER, (WRITER,)),
    Definer("give_back_reconciliation", RECONCILER, (WRITER,)),
    Definer("finding_page", RECONCILER, (REQUEST,)),
    Definer("reconciliation_passes", RECONCILER, (REQUEST,)),
    Definer("standing_figures", RECONCILER, (REQUEST,)),
    Definer("recall_memories", SEARCHER, (REQUEST,)),
    Definer("find_tenant", DIRECTORY, (REQUEST,)),
    Definer("tenant_slug", DIRECTORY, (REQUEST,)),
    Definer("find_key_holder", DIRECTORY, (REQUEST,)),
)
"""Every function that sees more than one tenant, or sees it by other rights than its caller's."""
