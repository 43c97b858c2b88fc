"""The command that holds what is kept against itself."""

# ruff: noqa: PLC0415 - the command brings what it needs: help must not wait for the database
import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from entrypoints.cli.options import Config, JsonFlag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from application.kernel.ports import Json
    from application.operations.ports import SeenFinding
    from entrypoints.cli.screen import Screen


def reconcile(
    config: Config = None,
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Repair what is provably safe to repair.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Look at everything that is kept, and say what must not exist and does.

    Works on the database of the settings; servers may run meanwhile. Ends with 5 when something is
    wrong that was not repaired.
    """
    from entrypoints.cli.configuring import loaded
    from entrypoints.cli.failure import ExitCode
    from entrypoints.cli.screen import Screen
    from entrypoints.cli.steps import Steps
    from entrypoints.reconciliation import reconciled

    settings = loaded(config).settings
    with Steps(Screen.of_errors()) as steps:
        found = asyncio.run(
            reconciled(settings, repair=repair, report=steps.ignore if json else steps.report)
        )
    show(Screen.standard(json=json), found)
    if not all(one.finding.repaired for one in found):
        raise typer.Exit(ExitCode.FOUND_WRONG)


def show(screen: "Screen", found: "Sequence[SeenFinding]") -> None:
    """A table of what was found, or that nothing was."""
    if screen.json:
        screen.emit({"findings": [_form(one) for one in found]})
        return
    if not found:
        screen.say("everything agrees", "green")
        return
    table = screen.table("", ("what", "tenant", "reference", "detail", ""))
    for one in found:
        words = "repaired" if one.finding.repaired else ""
        table.add_row(
            one.finding.kind, one.tenant, one.finding.reference, one.finding.detail, words
        )
    screen.show(table)


def _form(one: "SeenFinding") -> "Json":
    return {
        "kind": one.finding.kind.value,
        "tenant": one.tenant,
        "reference": one.finding.reference,
        "detail": one.finding.detail,
        "repaired": one.finding.repaired,
        "found_time": one.found_at.isoformat(),
    }
