"""How a server holds what is kept against itself, and tells what it found."""

from functools import partial
from logging import getLogger
from typing import Final

from application.operations.reconcile import Reconcile, ReconcileCommand
from entrypoints.assembly.operations import reconciliations
from entrypoints.background import Repeated
from entrypoints.container import Application
from entrypoints.settings.settings import Settings

LOG: Final = getLogger("somagent.reconciliation")

DUE_SECONDS: Final = 30.0
"""So often at least it is asked whether a pass is due, or was lost with its server."""

STANDING_SECONDS: Final = 30.0
"""How often the figures are read that alarms are set on."""


def reconciling(settings: Settings, application: Application) -> list[Repeated]:
    """What is done at intervals; a pass is made by whichever server comes first."""
    reconcile = application.reconcile()
    terms = settings.reconciliation
    passes = [
        Repeated(
            name=f"{command.scope} reconciliation",
            step=partial(pass_over, reconcile, command),
            seconds=min(DUE_SECONDS, terms.interval_seconds),
        )
        for command in reconciliations(terms)
    ]
    standing = application.operations().standing
    return [*passes, Repeated(name="standing", step=standing.look, seconds=STANDING_SECONDS)]


async def pass_over(reconcile: Reconcile, command: ReconcileCommand) -> None:
    """Make a pass where one is due; what it finds is in the log by number, in the store by name."""
    made = await reconcile(command)
    if made is not None and made.unchecked:
        LOG.error(
            "a reconciliation could not look at everything",
            extra={"scope": command.scope, "looks": len(made.unchecked)},
        )
    if made is not None and not made.ended:
        LOG.warning("a reconciliation is another server's now", extra={"scope": command.scope})
    if made is not None and made.found:
        LOG.warning(
            "a reconciliation found what must not exist",
            extra={"scope": command.scope, "found": made.found, "repaired": made.repaired},
        )
