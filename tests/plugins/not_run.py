"""A case not run is named at the end; in CI it is a failure, save where the machine forbids it."""

import os
from collections.abc import Generator
from typing import Final

import pytest

IN_CI: Final = os.environ.get("CI", "").lower() not in {"", "0", "false"}

EMBEDDED: Final = "tests/unit/adapters/postgres/test_embedded.py"

FORBIDDEN: Final = frozenset(
    {
        "tests/crash/test_full_disk.py::test_a_full_disk_loses_and_doubles_nothing",
        f"{EMBEDDED}::test_a_full_disk_is_named_and_nothing_half_made_is_left",
    }
)
"""Cases that need what CI may not have, by name: root, and the right to mount a file system."""

Report = pytest.TestReport | pytest.CollectReport


def why(report: Report) -> str:
    match report.longrepr:
        case (_, _, str(reason)):
            return reason.removeprefix("Skipped: ")
        case other:
            return str(other)


def fail_when_not_run(report: Report) -> None:
    """Turn a skip into a failure; an expected failure (xfail) was run, and stays.

    So does the skip of a case that only some machines allow.
    """
    if report.nodeid.partition("@")[0] in FORBIDDEN:  # what follows is its group of a worker
        return
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = why(report)
        report.outcome = "failed"
        report.longrepr = f"not run: {reason} (in CI a case not run is a failure)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if IN_CI:
        fail_when_not_run(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if IN_CI:
        fail_when_not_run(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped: list[Report] = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section("cases not run", yellow=True)
        for report in skipped:
            terminalreporter.write_line(f"{report.nodeid}: {why(report)}")
