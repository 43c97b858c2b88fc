"""The log: a share of the lines, without secrets, never waited for."""

import json
import logging
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st

from adapters.telemetry.logs import Share, logs

LOG = logging.getLogger("somagent.test")


def test_a_json_line_holds_words_and_facts() -> None:
    stream = StringIO()

    with logs(level="info", json=True, stream=stream):
        LOG.info("turn %s", "completed", extra={"turn": "t-1", "tokens": 9})
        LOG.debug("not this")

    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert (told["level"], told["logger"], told["message"]) == (
        "info",
        "somagent.test",
        "turn completed",
    )
    assert (told["turn"], told["tokens"]) == ("t-1", 9)
    assert told["time"].endswith("+00:00")


def fail() -> None:
    raise ValueError("postgresql://ada:hunter2hunter2@db")


def test_secrets_in_words_and_tracebacks_are_taken_out() -> None:
    for form in (True, False):
        stream = StringIO()
        with logs(level="info", json=form, stream=stream):
            try:
                fail()
            except ValueError:
                LOG.exception("mail to ada@example.org failed")

        assert "hunter2" not in stream.getvalue()
        assert "ada@example.org" not in stream.getvalue()
        assert "Traceback" in stream.getvalue()


def test_a_line_for_people_shows_the_facts() -> None:
    stream = StringIO()

    with logs(level="info", json=False, stream=stream):
        LOG.warning("slow", extra={"milliseconds": 12.5, "reason": ""})

    assert stream.getvalue().endswith("warning slow milliseconds=12.5\n")


def test_libraries_are_heard_from_warnings_on() -> None:
    stream = StringIO()

    with logs(level="debug", json=True, stream=stream):
        logging.getLogger("asyncio").info("no")
        logging.getLogger("asyncio").warning("yes")
        LOG.debug("ours")

    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == [
        "yes",
        "ours",
    ]


def test_what_cannot_be_written_as_json_is_written_as_text() -> None:
    stream = StringIO()

    with logs(level="info", json=True, stream=stream):
        LOG.info("x", extra={"thing": object})

    assert "class" in json.loads(stream.getvalue())["thing"]


def test_after_the_context_nothing_is_written() -> None:
    stream = StringIO()
    with logs(level="info", json=True, stream=stream):
        pass

    LOG.warning("late")

    assert stream.getvalue() == ""


@given(st.floats(0, 1), st.integers(1, 500))
def test_a_share_is_what_its_ratio_says(ratio: float, many: int) -> None:
    share = Share(ratio)

    taken = sum(share.takes() for _ in range(many))

    assert abs(taken - ratio * many) <= 1.001
    assert taken == 0 or ratio > 0
