"""What stands in contracts/wire is what the server says."""

from pathlib import Path
from typing import Final

import pytest

from tests.e2e.stage import Stage
from tests.e2e.wire import Dialogue
from tests.upstream.chunks import answer, joined
from tests.upstream.scripted import ScriptedUpstream, streamed

WIRE: Final = Path(__file__).parents[2] / "contracts" / "wire"


GOLDEN: Final = {file.stem: file.read_text() for file in sorted(WIRE.glob("*.textproto"))}


@pytest.mark.parametrize("service", GOLDEN)
async def test_the_server_says_what_the_contract_does(
    stage: Stage, upstream: ScriptedUpstream, service: str
) -> None:
    slug, caller = await stage.tenant()
    await stage.capsule(slug, caller)
    upstream.answers(streamed(*joined(answer("Good day."))))

    said = await Dialogue(stage=stage, caller=caller, slug=slug).replay(GOLDEN[service])

    assert said == GOLDEN[service]
