"""PostgreSQL does what the domain says: generated sequences of commands, step by step."""

from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.differential.conftest import NewTwins
from tests.differential.generated import steps
from tests.differential.steps import Step

FEW: Final = 40
MANY: Final = 500
"""Sequences in an ordinary run, and with `--hypothesis-profile=thorough`: other ones each time."""


@pytest.mark.postgres
@settings(
    max_examples=MANY if settings.get_current_profile_name() == "thorough" else FEW,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(taken=st.lists(steps, min_size=20, max_size=60))
async def test_the_twins_agree_after_every_step(taken: list[Step], new_twins: NewTwins) -> None:
    twins = new_twins()
    await twins.furnish()

    try:
        for step in taken:
            await twins.take(step)
    finally:
        await twins.forget()
