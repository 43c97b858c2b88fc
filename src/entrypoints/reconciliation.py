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
from entrypoints.assembly.telemetry import logged_passes
from entrypoints.failure import StartError
from entrypoints.operator import operators_stores
from entrypoints.settings.settings import Settings

PAGE: Final = 500


async def reconciled(settings: Settings, *, repair: bool, report: Report) -> Sequence[SeenFinding]:
    """Look at everything, and give what is wrong.

    Raises:
        StartError: The database cannot be reached, a server is at it, or some tenants cannot be
            looked at.
    """
    (whole,) = (
        replace(command, every=timedelta(0), repair=repair)
        for command in reconciliations(settings.reconciliation)
        if command.scope is Scope.WHOLE
    )
    async with operators_stores(settings, report) as stores:
        made = await reconcile(stores, ProcessSealBell(), logged_passes(), settings)(whole)
        if made is None:
            raise StartError("reconcile", "a server is at it", _again(settings))
        if not made.ended:
            raise StartError("reconcile", "a server took over", "its pass goes over everything")
        if made.unchecked:
            raise StartError(
                "reconcile",
                f"{len(made.unchecked)} looks could not be made, the log says why; what was found "
                "is kept",
                "try again when the database has less to do",
            )
        return await _all(stores.findings)


def _again(settings: Settings) -> str:
    lease = settings.reconciliation.lease_seconds
    return f"try again when its pass is over; one that was killed has it for {lease:g} s more"


async def _all(findings: Findings) -> Sequence[SeenFinding]:
    found = list[SeenFinding]()
    after = ""
    while page := await findings.page(None, after, PAGE):
        found += (seen for _, seen in page)
        after = page[-1][0]
    return found
