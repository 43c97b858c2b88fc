"""Servers are killed under conversations: clients handle nothing, and no answer is partial."""

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.postgres.database import DatabaseSettings
from tests.crash.checker.violation import Kind, Violation
from tests.survival.aftermath import Aftermath
from tests.survival.run import Outcome, Terms, survive
from tests.survival.talking import Tally

pytestmark = pytest.mark.xdist_group("survival")


async def test_conversations_survive_servers_that_are_killed(
    fresh_settings: DatabaseSettings, tmp_path: Path
) -> None:
    terms = Terms(kills=2, kill_every_seconds=6, servers=2, clients=8, lease_seconds=1.5, seed=4)

    outcome = await survive(terms, fresh_settings, tmp_path)

    assert outcome.survived, (
        f"{outcome}\n{outcome.tally.errors}\n{outcome.tally.broken}\n{outcome.aftermath}"
    )


QUIET = Aftermath(
    turns=3, completed=3, open=0, notes=0, records=3, doubled=0, lost=0, held=0, violations=()
)


def test_a_run_in_which_something_was_at_stake_and_nothing_went_wrong_is_survived() -> None:
    assert Outcome(Terms(kills=2), 2, Tally(resumes=1), QUIET).survived


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(Terms(kills=2), 1, Tally(resumes=1), QUIET),
        Outcome(Terms(kills=2), 2, Tally(), QUIET),
        Outcome(
            Terms(kills=2), 2, Tally(resumes=1), replace(QUIET, turns=0, completed=0, records=0)
        ),
        Outcome(
            Terms(kills=2), 2, Tally(resumes=1),
            replace(QUIET, violations=(Violation(Kind.LOST, "a turn has no record"),)),
        ),
    ],
    ids=["a kill is missing", "nobody was cut off", "no turn", "a violation"],
)  # fmt: skip
def test_a_run_that_proves_nothing_or_left_a_violation_is_not_survived(outcome: Outcome) -> None:
    assert not outcome.survived
