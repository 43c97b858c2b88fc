"""The events bench runs through, and counts what went wrong. No time is judged."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.events import measure

from tests.plugins.engines import program

pytestmark = pytest.mark.xdist_group("kafka")

EVENTS = 2000


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below the run's own temporary folder, where PostgreSQL's user may not go."""
    with tempfile.TemporaryDirectory(prefix="somagent-tests-events-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


async def test_events_have_one_effect_each_though_a_broker_and_readers_are_killed(
    folder: Path,
) -> None:
    program("kafka")

    found = await measure(1, EVENTS, folder)

    judged = found.verdict
    assert (judged.lost, judged.doubled, judged.reordered, judged.changed) == (0, 0, 0, 0)
    assert found.events_a_second > 0
    assert 0 < found.calm_p50 <= found.calm_p99
