"""Providers that answer badly: the turn fails with the right reason, or another one answers."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
import pytest

from adapters.postgres.database import DatabaseSettings
from entrypoints.assembly.secrets import AUTHOR_KEY, SecretKeeper
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.tools.v1 import tools_pb2
from tests.e2e.stage import settings_for, staged
from tests.system.client import Client
from tests.system.conversing import (
    answer_to,
    held_by,
    kind_of,
    kinds,
    message,
    open_session,
    said,
    turn_of,
)
from tests.system.installation import Model, new_capsule
from tests.upstream.chunks import DONE, answer, call, error, finish, text
from tests.upstream.scripted import (
    NOTHING,
    Ending,
    Reply,
    ScriptedUpstream,
    Step,
    plain,
    streamed,
)

FIRST: Final = "first"
"""A provider that is given all the time that it takes, so that what it does decides."""

HASTY: Final = "hasty"
"""One that is given next to none for its first byte: only who never sends one is asked there."""

ABRUPT: Final = "abrupt"
"""One that is given next to none between two chunks: only who falls silent is asked there."""

SPARE: Final = "spare"
"""Asked when another one has failed."""

SHORT_SECONDS: Final = 0.3

CAPSULE: Final = "plain"

LONG: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Bad:
    """A bad answer, why the turn fails by it, and who gives it."""

    reply: Reply
    reason: str
    provider: str = FIRST


@dataclass(frozen=True, slots=True)
class Broken:
    """What comes after a first word, why the turn fails by it, and who says it."""

    steps: Sequence[Step]
    reason: str
    provider: str = FIRST


BAD: Final = {
    "html": Bad(plain(200, b"<html><body>Hello", "text/html"), "MODEL_FAILED"),
    "half-a-json": Bad(plain(200, b'{"choices": [{"mess'), "MODEL_FAILED"),
    "garbage": Bad(plain(200, bytes(range(256)), "application/octet-stream"), "MODEL_FAILED"),
    "a-defect": Bad(plain(500, b'{"error": {"message": "oops"}}'), "MODEL_FAILED"),
    "a-wrong-key": Bad(plain(401, b'{"error": {"code": "invalid_api_key"}}'), "MODEL_FAILED"),
    "elsewhere": Bad(plain(302, location="http://127.0.0.1:9/"), "MODEL_FAILED"),
    "too-many": Bad(plain(429, b"{}", retry_after="7"), "MODEL_RATE_LIMITED"),
    "an-error-in-the-stream": Bad(streamed(error("overloaded")), "MODEL_FAILED"),
    "half-an-event": Bad(streamed(b'data: {"choices": [{"del\n\n'), "MODEL_FAILED"),
    "an-end-without-an-answer": Bad(streamed(Ending.CUT), "MODEL_TRUNCATED"),
    "nothing": Bad(NOTHING, "MODEL_TIMED_OUT", HASTY),
    "headers-alone": Bad(streamed(Ending.SILENCE), "MODEL_TIMED_OUT", HASTY),
}
"""Nothing is shown: another provider may answer."""

AFTER_ONE: Final = {
    "cut": Broken((Ending.CUT,), "MODEL_TRUNCATED"),
    "no-terminator": Broken((finish(),), "MODEL_TRUNCATED"),
    "no-finish-reason": Broken((DONE,), "MODEL_FAILED"),
    "silence": Broken((Ending.SILENCE,), "MODEL_TIMED_OUT", ABRUPT),
    "an-error": Broken((error("overloaded"),), "MODEL_FAILED"),
    "garbage": Broken((b"data: }{\n\n",), "MODEL_FAILED"),
}
"""What comes after the first word was shown, which cannot be taken back."""


@dataclass(frozen=True, slots=True)
class Room:
    """A tenant with one capsule."""

    client: Client
    author_key: str

    async def session(self, *providers: str) -> str:
        """A session with the capsule, which has these providers from now on."""
        await self.has("1.0.0", *providers)
        return await open_session(self.client, CAPSULE)

    async def has(self, version: str, *providers: str) -> None:
        """Give the capsule these providers, in a new version."""
        await new_capsule(
            self.client,
            self.author_key,
            CAPSULE,
            models=providers,
            tools=["arithmetic"],
            version=version,
        )


@pytest.fixture
async def room(
    tmp_path: Path, upstream: ScriptedUpstream, database_settings: DatabaseSettings
) -> AsyncGenerator[Room]:
    base_url = upstream.base_url
    models = [
        Model(name=FIRST, base_url=base_url, priority=9),
        Model(name=HASTY, base_url=base_url, priority=9, first_byte_seconds=SHORT_SECONDS),
        Model(name=ABRUPT, base_url=base_url, priority=9, between_chunks_seconds=SHORT_SECONDS),
        Model(name=SPARE, base_url=base_url),
    ]
    providers = orjson.dumps([model.settings() for model in models]).decode()
    settings = settings_for(tmp_path, upstream.base_url, SOMAGENT_PROVIDERS=providers)
    async with staged(settings, database_settings) as stage:
        slug, caller = await stage.tenant()
        client = Client(stage.channel, slug, caller.key)
        yield Room(client, await SecretKeeper(settings).need(AUTHOR_KEY))


async def ends_well(room: Room, session: str, turn: str, reason: str) -> None:
    """A turn that failed is settled, and its session goes on."""
    found = await turn_of(room.client, turn)
    assert (found.state, found.error.reason) == (pb.TURN_STATE_FAILED, reason)
    assert await held_by(room.client) == {}
    if reason == "MODEL_TIMED_OUT":
        # Whoever is given next to no time might fail again.
        await room.has("1.0.1", FIRST)
    assert kinds(await answer_to(room.client, session))[-1] == "completed"


@pytest.mark.parametrize("bad", BAD)
async def test_the_turn_fails_with_the_reason_and_the_next_one_works(
    room: Room, upstream: ScriptedUpstream, bad: str
) -> None:
    session = await room.session(BAD[bad].provider)
    upstream.answers(BAD[bad].reply)

    events = await answer_to(room.client, session)

    failed = events[-1].failed
    assert (failed.error.reason, failed.partial_text) == (BAD[bad].reason, "")
    assert failed.usage.completion_tokens == 0
    await ends_well(room, session, events[0].accepted.turn, BAD[bad].reason)


@pytest.mark.parametrize("bad", AFTER_ONE)
@pytest.mark.parametrize("others", [(), (SPARE,)], ids=["alone", "spared"])
async def test_what_was_shown_is_kept_and_not_answered_again_by_another(
    room: Room, upstream: ScriptedUpstream, bad: str, others: Sequence[str]
) -> None:
    broken = AFTER_ONE[bad]
    session = await room.session(broken.provider, *others)
    shown = asyncio.Event()
    upstream.answers(streamed(text("One "), shown, *broken.steps))
    calls = len(upstream.exchanges)
    events: list[pb.TurnEvent] = []
    async for event in said(room.client, message(session)):
        events.append(event)
        if kind_of(event) == "text":
            shown.set()

    failed = events[-1].failed
    assert (failed.error.reason, failed.partial_text) == (broken.reason, "One ")
    assert failed.usage.completion_tokens > 0
    assert len(upstream.exchanges) == calls + 1
    await ends_well(room, session, events[0].accepted.turn, broken.reason)


@pytest.mark.parametrize("bad", BAD)
async def test_another_provider_answers_where_there_is_one(
    room: Room, upstream: ScriptedUpstream, bad: str
) -> None:
    session = await room.session(BAD[bad].provider, SPARE)
    upstream.answers(BAD[bad].reply, streamed(*answer("Good ", "evening.")))

    events = await answer_to(room.client, session)

    started = [event.started for event in events if kind_of(event) == "started"]
    assert [(one.attempt, one.capability.rpartition("/")[2]) for one in started] == [
        (1, BAD[bad].provider),
        (2, SPARE),
    ]
    assert events[-1].completed.text == "Good evening."
    assert await held_by(room.client) == {}


async def test_an_answer_without_end_is_cut_off_and_can_still_be_read(
    room: Room, upstream: ScriptedUpstream
) -> None:
    upstream.answers(streamed(*(text("x" * 4096) for _ in range(1200)), finish(), DONE))

    session = await room.session(FIRST)

    events = await answer_to(room.client, session)

    assert events[-1].failed.error.reason == "MODEL_FAILED"
    assert 0 < len(events[-1].failed.partial_text) < LONG
    await ends_well(room, session, events[0].accepted.turn, "MODEL_FAILED")


@pytest.mark.parametrize(
    ("tool", "arguments", "reason"),
    [
        ("no_such_tool", "{}", "TOOL_NOT_FOUND"),
        ("current_time", "{}", "TOOL_NOT_FOUND"),
        ("arithmetic", "{}", "TOOL_ARGUMENTS_INVALID"),
        ("arithmetic", '{"expr', "TOOL_ARGUMENTS_INVALID"),
        ("arithmetic", "[" * 9000, "TOOL_ARGUMENTS_INVALID"),
        ("arithmetic", '"\\ud800"', "TOOL_ARGUMENTS_INVALID"),
    ],
    ids=["unknown", "not-offered", "no-arguments", "half-a-json", "deep", "surrogate"],
)
async def test_a_call_that_makes_no_sense_is_told_to_the_model(
    room: Room,
    upstream: ScriptedUpstream,
    tool: str,
    arguments: str,
    reason: str,
) -> None:
    session = await room.session(FIRST)
    upstream.answers(streamed(*call(tool, arguments)), streamed(*answer("Never ", "mind.")))

    events = await answer_to(room.client, session)

    (result,) = [event.tool_result for event in events if kind_of(event) == "tool_result"]
    assert (result.state, result.reason) == (tools_pb2.INVOCATION_STATE_FAILED, reason)
    assert events[-1].completed.text == "Never mind."
    messages = upstream.last.body["messages"]
    assert isinstance(messages, list)
    last = messages[-1]
    assert isinstance(last, dict)
    assert last["role"] == "tool"
    assert reason in str(last["content"])
