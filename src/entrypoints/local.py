"""The whole service inside this process, for the demo and for tests."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from application.capsule.sign_capsule import SignCapsule
from entrypoints.assembly.offline import sign_capsules
from entrypoints.assembly.platform import Report, open_platform
from entrypoints.assembly.secrets import AUTHOR_KEY, SecretKeeper
from entrypoints.operator import operator_key
from entrypoints.process import open_process
from entrypoints.settings.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStack:
    """A service that is serving.

    `operator_key` is an API key of the platform's operator, kept in the secret store.
    `sign_capsule` signs with the author key of this machine, which the service trusts.
    """

    address: str
    operator_key: str
    receipt_keys: tuple[bytes, ...]
    sign_capsule: SignCapsule
    stopped: Callable[[], Awaitable[None]]


@asynccontextmanager
async def local_stack(settings: Settings, report: Report) -> AsyncGenerator[LocalStack]:
    """Start everything and serve; leaving drains and closes.

    Raises:
        StartError: A step failed, with what to do.
    """
    secrets = SecretKeeper(settings)
    stop = asyncio.Event()
    async with open_platform(settings, report) as platform:
        report("server", "started")
        async with open_process(settings, platform) as process:
            serving = asyncio.create_task(process.lifecycle.run(stop))
            try:
                address = f"{settings.server.address.rpartition(':')[0]}:{process.api.port}"
                application = process.application
                key = await operator_key(application.stores(), application.system(), secrets)
                report("server", "done")
                yield LocalStack(
                    address=address,
                    operator_key=key,
                    receipt_keys=(process.application.keys().receipts.public_key,),
                    sign_capsule=sign_capsules(await secrets.need(AUTHOR_KEY)),
                    stopped=lambda: _wait(serving),
                )
            finally:
                stop.set()
                await serving


async def _wait(serving: "asyncio.Task[None]") -> None:
    await asyncio.shield(serving)
