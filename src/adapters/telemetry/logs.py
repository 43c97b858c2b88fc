"""The log: JSON lines for machines or text for people, without secrets, written by a thread."""

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue
from typing import Final, TextIO, final

import orjson

from domain.provenance.redaction import redacted

LONGEST_QUEUE: Final = 10_000
"""Lines that wait to be written; when whoever reads them is slower than that, lines are dropped."""

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


@final
class Share:
    """Every so-manieth: with a ratio of 0.01 the first, and each hundredth after it."""

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._due = 1.0

    def takes(self) -> bool:
        """Whether this one is among the share."""
        if self._due >= 1:
            self._due += self._ratio - 1
            return self._ratio > 0
        self._due += self._ratio
        return False


@final
class JsonLines(logging.Formatter):
    """One JSON object a line. Words are redacted; named facts are what their author chose."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
        }
        line.update(facts_of(record))
        if record.exc_info:
            line["exception"] = redacted(self.formatException(record.exc_info))
        return orjson.dumps(line, default=str).decode()


@final
class Lines(logging.Formatter):
    """One line for people: time, level, words, facts."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S.%f")[:-3]
        facts = "".join(f" {name}={value}" for name, value in facts_of(record).items() if value)
        text = f"{time} {record.levelname.lower():7} {redacted(record.getMessage())}{facts}"
        if record.exc_info:
            text += f"\n{redacted(self.formatException(record.exc_info))}"
        return text


@final
class Queued(QueueHandler):
    """Hands lines to the thread that writes them; a full queue drops them and waits for nobody."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Leave the record as it is: it stays in this process."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except Full:
            return


def facts_of(record: logging.LogRecord) -> dict[str, object]:
    """What was given with `extra`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


@contextmanager
def logs(*, level: str, json: bool, stream: TextIO = sys.stderr) -> Generator[None]:
    """Write this process' log for as long as the context is open.

    Libraries are heard from WARNING on, whatever the level.
    """
    writing = logging.StreamHandler(stream)
    writing.setFormatter(JsonLines() if json else Lines())
    lines = Queue[logging.LogRecord](LONGEST_QUEUE)
    listener = QueueListener(lines, writing)
    queued = Queued(lines)
    root, ours = logging.getLogger(), logging.getLogger("somagent")
    before = (root.level, ours.level)
    root.addHandler(queued)
    root.setLevel(logging.WARNING)
    ours.setLevel(level.upper())
    listener.start()
    try:
        yield
    finally:
        listener.stop()
        root.removeHandler(queued)
        root.setLevel(before[0])
        ours.setLevel(before[1])
