"""The README's examples do what they say, at a real server."""

import ast
import re
from inspect import isawaitable
from pathlib import Path
from textwrap import indent

import pytest

from tests.system.client import Client
from tests.system.service import Service
from tests.upstream.chunks import answer, call
from tests.upstream.scripted import ScriptedUpstream, streamed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("sdk-connections")]

README = Path(__file__).parents[2] / "sdk" / "python" / "README.md"
SERVERS = "127.0.0.1:50051,127.0.0.1:50052"


async def test_the_examples_run_one_after_the_other(
    server: Service,
    caller: Client,
    upstream: ScriptedUpstream,
    capsys: pytest.CaptureFixture[str],
) -> None:
    upstream.answers(
        streamed(*answer("52.5")),
        streamed(*answer("26.", "25")),
        streamed(*call("note_write", '{"text":"Milk"}')),
        streamed(*answer("Noted.")),
    )
    first, *others = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert SERVERS in first
    assert 'tenant="demo"' in first
    source = first.replace(SERVERS, f"127.0.0.1:1,{server.address}")
    source = source.replace('tenant="demo"', f'tenant="{caller.tenant}"')
    source += "".join(indent(one, "    ") for one in others)
    names: dict[str, object] = {"KEY": caller.key, "print": print}
    program = compile(source, str(README), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    running = eval(program, names)  # noqa: S307 - our own examples
    assert isawaitable(running)
    await running

    printed = capsys.readouterr().out
    assert printed.startswith("52.5 0.0")
    assert "26.25" in printed
    assert "SESSION_NOT_FOUND" in printed
    assert str(names["answer"]) == "Noted."
    assert "METRIC_TOKENS" in str(names["usage"])
    assert "signature" in str(names["receipt"])
