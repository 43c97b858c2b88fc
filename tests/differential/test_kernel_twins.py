"""PostgreSQL does what the domain says: generated sequences of commands, step by step."""

from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.differential.conftest import NewTwins
from tests.differential.generated import batches, steps
from tests.differential.steps import MANY_SESSIONS, SESSIONS, Step
from tests.differential.twins import Twins

FEW: Final = 40
TIMES: Final = 10 if settings.get_current_profile_name() == "thorough" else 1
"""`--hypothesis-profile=thorough` runs ten times as many sequences, and other ones each time."""

_profile = settings(
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def follow(twins: Twins, taken: Sequence[Step]) -> None:
    await twins.furnish()
    try:
        for step in taken:
            await twins.take(step)
    finally:
        await twins.forget()


@pytest.mark.postgres
@settings(_profile, max_examples=FEW * TIMES)
@given(taken=st.lists(steps, min_size=20, max_size=60))
async def test_the_twins_agree_after_every_step(taken: list[Step], new_twins: NewTwins) -> None:
    await follow(new_twins(SESSIONS), taken)


@pytest.mark.postgres
@settings(_profile, max_examples=FEW // 2 * TIMES)
@given(taken=batches)
async def test_a_batch_answers_like_one_command_after_the_other(
    taken: list[Step], new_twins: NewTwins
) -> None:
    await follow(new_twins(MANY_SESSIONS), taken)
