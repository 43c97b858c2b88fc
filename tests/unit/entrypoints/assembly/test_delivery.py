"""Where events are published to."""

import logging

import pytest

from entrypoints.assembly.delivery import open_event_publisher
from entrypoints.assembly.secrets import SecretKeeper
from entrypoints.settings.sources import load


@pytest.mark.parametrize(("profile", "told"), [("standard", True), ("embedded", False)])
async def test_a_profile_with_engines_of_its_own_choice_says_that_it_has_no_broker(
    profile: str, *, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    environment = {
        "SOMAGENT_MODE": "test",
        "SOMAGENT_PROFILE": profile,
        "SOMAGENT_DATABASE__REQUEST__URL": "postgresql://localhost/somagent",
        "SOMAGENT_DATABASE__WRITER__URL": "postgresql://localhost/somagent",
    }
    settings = load(environment, None, ()).settings

    with caplog.at_level(logging.WARNING, "somagent.events"):
        async with open_event_publisher(settings, SecretKeeper(settings)):
            pass

    assert ("kafka.bootstrap_servers" in caplog.text) is told
