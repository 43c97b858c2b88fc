"""The local model's process: started, watched, ended with us."""

import asyncio
import os
import select
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from adapters.llama.errors import LocalModelError
from adapters.llama.local_model import LocalModel
from adapters.llama.server import LlamaTerms, Progress, open_llama_server
from adapters.openai.language_model import OpenAiLanguageModel
from adapters.openai.probe import ProviderHealth, probe
from adapters.openai.provider import Patience, Provider
from adapters.openai.session import open_session
from adapters.openai.token_counter import LlamaTokenCounter
from domain.capability.capability import ToolCalling
from tests.doubles import PATIENCE
from tests.fakes import StoppedClock
from tests.upstream.calls import answer_of, model_request

SMALL: Final = LlamaTerms(window=512, slots=1, first_pause=0.01, start=PATIENCE)
OWNER: Final = """
import asyncio
from adapters.llama.server import LlamaTerms, open_llama_server

async def main():
    async with open_llama_server(LlamaTerms(window=512, slots=1)) as server:
        print(server.pid, server.model.socket, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def provider_of(model: LocalModel) -> Provider:
    patience = Patience(connect=PATIENCE, first_byte=PATIENCE, between_chunks=PATIENCE)
    return Provider(name="local", socket=model.socket, api_key=model.api_key, patience=patience)


async def health_of(provider: Provider) -> ProviderHealth:
    async with open_session(provider) as session:
        return await probe(session, PATIENCE)


def of_process(process: int | None, what: str) -> Path:
    return Path(f"/proc/{process}/{what}")


async def test_it_starts_answers_counts_and_ends() -> None:
    heard: list[Progress] = []

    async with open_llama_server(SMALL, heard.append) as server:
        model, process = server.model, server.pid
        async with open_session(provider_of(model)) as session:
            counts = await LlamaTokenCounter(session).count(
                model.capability(), ["Hello world", "", "<|im_end|>"]
            )
            words, _ = await answer_of(
                OpenAiLanguageModel(session, StoppedClock()),
                model_request(model.capability(), max_tokens=4),
            )

    assert process
    assert not of_process(process, "stat").exists()
    assert heard == [Progress.LOADING, Progress.READY]
    assert counts[:2] == [2, 0]
    assert counts[2] > 1  # as text, never as the special token
    assert words
    assert not Path(model.socket).parent.exists()


async def test_nobody_else_gets_in() -> None:
    async with open_llama_server(SMALL) as server:
        model = server.model
        mode = Path(model.socket).parent.stat().st_mode
        arguments = of_process(server.pid, "cmdline").read_bytes()
        environment = of_process(server.pid, "environ").read_bytes()
        stranger = await health_of(Provider(name="local", socket=model.socket))
        friend = await health_of(provider_of(model))

    assert stat.S_IMODE(mode) == 0o700
    assert model.key.encode() not in arguments + environment
    assert model.key not in repr(model)
    assert stranger.cause == "it refuses to list its models (HTTP 401)"
    assert friend.models == ("smollm2-135m-instruct",)


async def test_it_is_started_again_under_the_same_address_and_key() -> None:
    loop = asyncio.get_running_loop()
    again: asyncio.Future[None] = loop.create_future()
    heard: list[Progress] = []

    def hear(progress: Progress) -> None:
        heard.append(progress)
        if heard.count(Progress.READY) == 2:
            again.set_result(None)

    async with open_llama_server(SMALL, hear) as server:
        model, first = server.model, server.pid
        assert first
        os.kill(first, signal.SIGKILL)
        await again
        health = await health_of(provider_of(model))

        assert server.pid != first
    assert health.models
    assert heard == [
        Progress.LOADING,
        Progress.READY,
        Progress.LOST,
        Progress.LOADING,
        Progress.READY,
    ]


def test_it_dies_with_its_parent_and_leaves_nothing() -> None:
    with subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        process, socket = owner.stdout.readline().split()
        ending = os.pidfd_open(int(process))

        owner.kill()
        select.select([ending], [], [])
        os.close(ending)

    assert not Path(socket).parent.exists()


async def test_a_server_that_does_not_start_in_time_is_given_up() -> None:
    with pytest.raises(LocalModelError, match="in time"):
        async with open_llama_server(replace(SMALL, start=0.01)):
            pytest.fail("it started")


async def test_a_server_that_cannot_start_is_given_up() -> None:
    with pytest.raises(LocalModelError, match="ended while it started"):
        async with open_llama_server(replace(SMALL, window=-(2**40))):
            pytest.fail("it started")


def test_a_model_that_is_handed_on_is_used_as_it_is() -> None:
    capability = LocalModel(socket="s", key="k", context_window=4096).capability("tiny")

    assert (capability.name, capability.provider, capability.local) == ("tiny", "local", True)
    assert capability.context_window == 4096
    assert capability.tool_calling is ToolCalling.JSON_SCHEMA
    assert capability.price.output == 0
