"""Servers are killed under conversations: clients handle nothing, and no answer is partial."""

from pathlib import Path

import pytest

from adapters.postgres.database import DatabaseSettings
from tests.survival.run import Terms, survive

pytestmark = pytest.mark.xdist_group("survival")


async def test_conversations_survive_servers_that_are_killed(
    fresh_settings: DatabaseSettings, tmp_path: Path
) -> None:
    terms = Terms(kills=2, kill_every_seconds=6, servers=2, clients=8, lease_seconds=1.5, seed=4)

    outcome = await survive(terms, fresh_settings, tmp_path)

    assert outcome.survived, f"{outcome}\n{outcome.tally.errors}\n{outcome.tally.broken}"
    assert outcome.tally.resumes > 0
