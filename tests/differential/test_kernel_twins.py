"""PostgreSQL does what the domain says: generated sequences of commands, step by step."""

from typing import Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.contract.inmemory_kernel import inmemory_kernel
from tests.contract.kernel import Kernel
from tests.differential.generated import steps
from tests.differential.steps import Step
from tests.differential.twins import Twins
from tests.differential.world import World
from tests.fakes import CountingIdentifiers

FEW: Final = 40
MANY: Final = 4000
"""Sequences in an ordinary run, and with `--hypothesis-profile=thorough`: other ones each time."""


@pytest.fixture
def identifiers(request: pytest.FixtureRequest) -> CountingIdentifiers:
    return CountingIdentifiers(request.node.nodeid)


@pytest.mark.postgres
@settings(
    max_examples=MANY if settings.get_current_profile_name() == "thorough" else FEW,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(taken=st.lists(steps, min_size=20, max_size=60))
async def test_the_twins_agree_after_every_step(
    taken: list[Step], subject: Kernel, identifiers: CountingIdentifiers
) -> None:
    twins = Twins(inmemory_kernel(), subject, World.new(identifiers))
    await twins.furnish()

    try:
        for step in taken:
            await twins.take(step)
    finally:
        await twins.forget()
