"""The command that looks at every engine."""

# ruff: noqa: PLC0415 - the command brings what it needs: help must not wait for the engines
import asyncio
from typing import TYPE_CHECKING, Final

import typer

from entrypoints.cli.options import Config, JsonFlag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from application.kernel.ports import Json
    from entrypoints.assembly.checkup import Finding
    from entrypoints.cli.screen import Screen

_STYLES: Final = {"ok": "green", "off": "dim", "warning": "yellow", "failed": "bold red"}


def doctor(config: Config = None, *, json: JsonFlag = False) -> None:
    """Look at every engine and say what to do.

    Is it there, which version, how fast does it answer. Nothing is changed. Ends with 5 when
    something keeps the service from running.
    """
    from entrypoints.assembly.checkup import Status, checkup
    from entrypoints.cli.configuring import loaded
    from entrypoints.cli.failure import ExitCode
    from entrypoints.cli.screen import Screen

    screen = Screen.standard(json=json)
    findings = asyncio.run(checkup(loaded(config).settings))
    show(screen, findings)
    if any(finding.status is Status.FAILED for finding in findings):
        raise typer.Exit(ExitCode.FOUND_WRONG)


def show(screen: "Screen", findings: "Sequence[Finding]") -> None:
    """A table of what was found, and under it what is to be done."""
    from rich.text import Text

    from entrypoints.cli.figures import duration
    from entrypoints.cli.screen import one_line

    if screen.json:
        screen.emit({"findings": [_form(finding) for finding in findings]})
        return
    table = screen.table("", ("", "what", "found", "version", "latency"), numbers=("latency",))
    for finding in findings:
        seconds = finding.latency_seconds
        table.add_row(
            Text(finding.status.value, style=_STYLES[finding.status.value]),
            finding.name,
            Text(one_line(finding.words, 300)),
            finding.version,
            "" if seconds is None else duration(round(seconds * 1_000_000)),
        )
    screen.show(table)
    for finding in findings:
        if finding.advice:
            screen.say(f"{finding.name}: {finding.advice}", _STYLES[finding.status.value])


def _form(finding: "Finding") -> "Json":
    seconds = finding.latency_seconds
    return {
        "name": finding.name,
        "status": finding.status.value,
        "words": finding.words,
        "version": finding.version,
        "latency_ms": None if seconds is None else round(seconds * 1000, 3),
        "advice": finding.advice,
    }
