"""Steps of a start, on a terminal and off it."""

from io import StringIO

import pytest
from rich.console import Console

from entrypoints.cli.screen import Screen
from entrypoints.cli.steps import Steps
from tests.unit.entrypoints.cli.screens import readable_screen


def test_a_step_that_may_be_slow_is_told_of_when_it_begins_and_when_it_is_done() -> None:
    readable = readable_screen()

    with Steps(readable.screen) as steps:
        for stage in ("started", "loading", "ready", "done"):
            steps.report("model", stage)

    marks = [line.split()[:2] for line in readable.text.splitlines()]
    assert marks == [["...", "model"], ["ok", "model"]]


def test_a_server_tells_where_it_listens() -> None:
    readable = readable_screen()

    with Steps(readable.screen) as steps:
        steps.report("server", "127.0.0.1:50051, 4 workers")

    assert "ok     gRPC server    127.0.0.1:50051, 4 workers" in readable.text


def test_a_model_that_is_not_wanted_says_so() -> None:
    readable = readable_screen()

    with Steps(readable.screen) as steps:
        steps.report("model", "started")
        steps.report("model", "not wanted")

    assert "not wanted" in readable.text


def test_the_step_that_ran_is_the_one_that_failed() -> None:
    readable = readable_screen()

    def start() -> None:
        with Steps(readable.screen) as steps:
            steps.passed("environment", "there")
            steps.report("postgres", "started")
            raise LookupError

    with pytest.raises(LookupError):
        start()

    assert readable.text.splitlines()[-1].startswith("failed PostgreSQL")


def test_on_a_terminal_every_step_leaves_one_line() -> None:
    out = StringIO()
    console = Console(file=out, force_terminal=True, color_system=None, width=80)

    with Steps(Screen(out=console, err=console)) as steps:
        steps.begin("tenant")
        steps.done("demo, plan team")

    assert out.getvalue().count("demo, plan team") == 1
    assert "..." not in out.getvalue()
