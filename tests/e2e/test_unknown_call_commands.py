"""`somagent tools` as a program, against a server."""

from pathlib import Path

import orjson

from tests.e2e.program import program
from tests.e2e.stage import Stage


async def test_an_unknown_call_is_found_and_resolved(stage: Stage, tmp_path: Path) -> None:
    slug, ada = await stage.tenant()
    name = await stage.unknown_call(slug, '{"to":"grace"}')

    code, out = await program(stage, ada, tmp_path, "tools", "unknown", "--tenant", slug, "--json")
    assert (code, [one["name"] for one in orjson.loads(out)["invocations"]]) == (0, [name])

    code, out = await program(stage, ada, tmp_path, "tools", "unknown", "--tenant", slug)
    assert (code, name in out, "grace" in out) == (0, True, True)

    found = ("tools", "resolve", name, "failed", "--note", "nothing arrived")
    assert await program(stage, ada, tmp_path, *found) == (0, f"{name} failed\n")
    assert await program(stage, ada, tmp_path, *found) == (0, f"{name} failed\n")

    other = ("tools", "resolve", name, "succeeded", "--note", "it arrived")
    code, out = await program(stage, ada, tmp_path, *other)
    assert (code, "INVOCATION_ALREADY_DECIDED" in out) == (3, True)

    code, out = await program(stage, ada, tmp_path, "tools", "unknown", "--tenant", slug)
    assert (code, out) == (0, "none\n")
