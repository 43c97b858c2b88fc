"""Apache Kafka for tests: one broker that all workers share, and brokers of one's own to break."""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

import pytest

from tests.plugins.engines import SCRIPTS, program
from tests.plugins.keeper import ends_kafka

SCRIPT: Final = SCRIPTS / "kafka.sh"
READY_SECONDS: Final = 300


@final
@dataclass(frozen=True, slots=True)
class KafkaBrokers:
    """One broker or several, with their data in a folder; broker numbers count from 1.

    `advertised` is where the first of them sends its clients, when that is not where it listens;
    `environment` is what else the script is told when it makes them.
    """

    folder: Path
    advertised: str = ""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    def start(self, brokers: int = 1) -> None:
        """Make them, or bring back those that do not run; returns when all answer."""
        ends_kafka(self.folder)
        advertised = {"KAFKA_ADVERTISED": self.advertised} if self.advertised else {}
        _run("start", str(self.folder), str(brokers), **advertised, **self.environment)
        _run("wait", str(self.folder), str(READY_SECONDS))

    def stop(self, broker: int | None = None) -> None:
        """End one, or all, in order."""
        _run("stop", str(self.folder), *([] if broker is None else [str(broker)]))

    def kill(self, broker: int = 1) -> None:
        """End one at once, with nothing said to anybody."""
        _run("kill", str(self.folder), str(broker))

    def tell(self, number: signal.Signals, broker: int = 1) -> None:
        """Send a signal to one, to let it stand still or go on."""
        os.kill(int((self.folder / str(broker) / "pid").read_text()), number)

    @property
    def bootstrap_servers(self) -> str:
        return _run("bootstrap", str(self.folder))

    @property
    def port(self) -> int:
        """Where the first of them listens for clients."""
        written = (self.folder / "1" / "server.properties").read_text()
        (found,) = re.findall(r"^listeners=CLIENTS://127\.0\.0\.1:(\d+),", written, re.MULTILINE)
        return int(found)

    @property
    def secure_servers(self) -> str:
        """Where TLS and SASL are spoken, of brokers that were made with `KAFKA_SECURE`."""
        return _run("secure", str(self.folder))


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Generator[KafkaBrokers]:
    """A broker for all workers of a run; each test uses topics of its own."""
    program("kafka")
    worker: dict[str, str] = getattr(request.config, "workerinput", {})
    run = worker.get("testrunuid", str(os.getpid()))
    folder = Path(tempfile.gettempdir()) / f"somagent-kafka-{os.geteuid()}-{run}"
    brokers = KafkaBrokers(folder)
    turn, use = folder.with_suffix(".turn"), folder.with_suffix(".use")
    # One at a time starts it or stops it; whoever uses it shares it, and the last one stops it.
    with turn.open("ab") as turning, use.open("ab") as using:
        fcntl.flock(turning, fcntl.LOCK_EX)
        fcntl.flock(using, fcntl.LOCK_SH)
        try:
            brokers.start()
            fcntl.flock(turning, fcntl.LOCK_UN)
            yield brokers
        finally:
            fcntl.flock(turning, fcntl.LOCK_EX)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(using, fcntl.LOCK_EX | fcntl.LOCK_NB)
                brokers.stop()
                shutil.rmtree(folder, ignore_errors=True)
                use.unlink()
                turn.unlink()


@pytest.fixture
def own_kafka(tmp_path: Path) -> Generator[KafkaBrokers]:
    """A broker for one test, which may stop it and start it again."""
    yield from _own(tmp_path / "kafka", 1)


@pytest.fixture
def three_brokers(tmp_path: Path) -> Generator[KafkaBrokers]:
    """Three brokers for one test; topics may have three copies."""
    yield from _own(tmp_path / "kafka", 3)


def _own(folder: Path, count: int) -> Generator[KafkaBrokers]:
    program("kafka")
    brokers = KafkaBrokers(folder)
    try:
        brokers.start(count)
        yield brokers
    finally:
        brokers.stop()


def _run(*arguments: str, **environment: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own script
        [str(SCRIPT), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=READY_SECONDS + 60,
        env={**os.environ, **environment},
    )
    return done.stdout.strip()
