"""Tools over HTTP that count their effects: nothing that is done twice stays unseen."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, final

import orjson
from aiohttp import web

from adapters.system.clock import SystemClock

STAMP: Final = "stamp"
"""Idempotent: a key takes effect once, however often it comes. Dangerous, as its operator says."""

POST: Final = "post"
"""Can be asked what became of a key; what it denies, it refuses later on."""

FIRE: Final = "fire"
"""Neither: every request takes effect."""

KEY: Final = "Idempotency-Key"

CUT: Final = "cut"
"""In an argument: the effect happens, and its answer is lost."""

SLOW: Final = "slow"
"""In an argument: the answer takes longer than a lease."""

SLOW_SECONDS: Final = 1.4
QUICK_SECONDS: Final = 0.05


@final
@dataclass(slots=True)
class ToolServer:
    """`effects` counts how often a tool acted upon a text, `keys` how often a key has come.

    `came` is when a key came first. `denied` are the keys of which it said that nothing was done,
    and nothing will be.
    """

    base_url: str = ""
    effects: dict[str, Counter[str]] = field(
        default_factory=lambda: {tool: Counter[str]() for tool in (STAMP, POST, FIRE)}
    )
    keys: dict[str, Counter[str]] = field(
        default_factory=lambda: {tool: Counter[str]() for tool in (STAMP, POST, FIRE)}
    )
    came: dict[str, datetime] = field(default_factory=dict[str, datetime])
    denied: dict[str, set[str]] = field(default_factory=lambda: {POST: set[str]()})

    def settings(self) -> list[Mapping[str, object]]:
        """The tools as an operator declares them."""
        shared = {
            "description": "Does something that is counted.",
            "input_schema": orjson.dumps(
                {
                    "type": "object",
                    "properties": {"text": {"type": "string"}},
                    "required": ["text"],
                }
            ).decode(),
        }
        return [
            {
                "name": STAMP,
                "url": f"{self.base_url}/{STAMP}",
                "idempotent": True,
                "dangerous": True,
                **shared,
            },
            {
                "name": POST,
                "url": f"{self.base_url}/{POST}",
                "status_url": f"{self.base_url}/{POST}/{{key}}",
                **shared,
            },
            {"name": FIRE, "url": f"{self.base_url}/{FIRE}", **shared},
        ]

    async def act(self, request: web.Request) -> web.StreamResponse:
        """Take effect, at once; the answer takes its time."""
        tool, key = request.match_info["tool"], request.headers[KEY]
        text = str(orjson.loads(await request.read())["text"])
        self.came.setdefault(key, SystemClock().now())
        if key in self.denied.get(tool, ()):
            return web.Response(status=409)
        if tool != STAMP or not self.keys[tool][key]:
            self.effects[tool][text] += 1
        self.keys[tool][key] += 1
        await asyncio.sleep(SLOW_SECONDS if SLOW in text else QUICK_SECONDS)
        if CUT in text and request.transport is not None:
            request.transport.abort()
            await asyncio.Event().wait()  # until the end of the connection ends this, too
        return web.json_response({"done": True})

    async def tell(self, request: web.Request) -> web.StreamResponse:
        """What became of a key."""
        tool, key = request.match_info["tool"], request.match_info["key"]
        if self.keys[tool][key]:
            return web.json_response({"status": "succeeded", "result": {"done": True}})
        self.denied[tool].add(key)
        return web.json_response({"status": "not_executed"})


@asynccontextmanager
async def tool_server() -> AsyncGenerator[ToolServer]:
    """Serve on a free port of loopback."""
    server = ToolServer()
    app = web.Application()
    app.router.add_post("/{tool}", server.act)
    app.router.add_get("/{tool}/{key}", server.tell)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        server.base_url = f"http://{host}:{port}"
        yield server
    finally:
        await runner.cleanup()
