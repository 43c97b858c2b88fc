"""A reconciliation that an operator asks for: of everything, now, without a server."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from application.operations.ports import Findings, SeenFinding
from application.provenance.seal_bell import ProcessSealBell
from domain.operations.finding import Scope
from entrypoints.assembly.operations import reconcile, reconciliations
from entrypoints.assembly.platform import Report
from entrypoints.failure import StartError
from entrypoints.operator import operators_stores
from entrypoints.settings.settings import Settings

PAGE: Final = 500


async def reconciled(settings: Settings, *, repair: bool, report: Report) -> Sequence[SeenFinding]:
    """Look at everything, and give what is wrong.

    Raises:
        StartError: The database cannot be reached, a server is at it, or some tenants cannot be
            looked at in time.
    """
    (whole,) = (
        replace(command, every=timedelta(0), repair=repair)
        for command in reconciliations(settings.reconciliation)
        if command.scope is Scope.WHOLE
    )
    async with operators_stores(settings, report) as stores:
        made = await reconcile(stores, ProcessSealBell(), settings)(whole)
        if made is None:
            raise StartError("reconcile", "a server is at it", "try again in five minutes")
        if made.unchecked:
            raise StartError(
                "reconcile",
                f"{len(made.unchecked)} tenants could not be looked at in time, "
                f"first {made.unchecked[0]}",
                "try again when the database has less to do; what was found is kept",
            )
        return await _all(stores.findings)


async def _all(findings: Findings) -> Sequence[SeenFinding]:
    found = list[SeenFinding]()
    after = ""
    while page := await findings.page(None, after, PAGE):
        found += (seen for _, seen in page)
        after = page[-1][0]
    return found
