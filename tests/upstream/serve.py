"""An upstream in a process of its own, for the bench: `python -m tests.upstream.serve`.

It calls the first tool that it is offered, and answers with so many tokens once that call has its
answer, or when no tool is offered. Its first line of output is its address.
"""

import argparse
import asyncio
from collections.abc import Mapping
from typing import Final

import orjson
import uvloop

from application.kernel.ports import Json
from tests.upstream.chunks import DONE, call, finish, joined, text, usage
from tests.upstream.scripted import Chooser, Pause, Reply, Step, scripted_upstream, streamed

PROMPT_TOKENS: Final = 100


def chooser(tokens: int, pace: float, arguments: str) -> Chooser:
    """Replies are made once: in one write without a pace, else one write for each token."""
    words = [text(f"word{number} ") for number in range(tokens)]
    end = finish() + usage(PROMPT_TOKENS, tokens) + DONE
    steps: tuple[Step, ...] = (
        (*(step for word in words for step in (Pause(pace), word)), end)
        if pace
        else joined((*words, end))
    )
    spoken = streamed(*steps)
    calls: dict[str, Reply] = {}

    def choose(body: Mapping[str, Json]) -> Reply:
        tool = _wanted(body)
        if not tool:
            return spoken
        if tool not in calls:
            calls[tool] = streamed(*joined(call(tool, arguments)))
        return calls[tool]

    return choose


def _wanted(body: Mapping[str, Json]) -> str:
    match body:
        case {"messages": [*_, {"role": "tool"}]}:
            return ""
        case {"tools": [{"function": {"name": str(name)}}, *_]}:
            return name
        case _:
            return ""


async def serve(choose: Chooser, port: int, socket: str) -> None:
    async with scripted_upstream(choose, port=port, socket=socket) as upstream:
        print(upstream.socket or upstream.base_url, flush=True)  # noqa: T201 - its one output
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between tokens")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--socket", default="")
    parser.add_argument("--arguments", default=orjson.dumps({"expression": "17.5 * 3"}).decode())
    options = parser.parse_args()
    uvloop.run(
        serve(
            chooser(options.tokens, options.pace, options.arguments), options.port, options.socket
        )
    )


if __name__ == "__main__":
    main()
