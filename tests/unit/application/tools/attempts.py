"""Attempts at calls that tests let go on, stop or lose."""

from asyncio import CancelledError, Event, sleep
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import cast, final

from application.tools.ports import EffectJournal
from application.tools.run_call import RunCall
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import InvocationId, TenantId
from tests.doubles import Running
from tests.inmemory_application import Server

SOON = 0.01
"""Seconds of a lease for which a test waits."""


def runs_until(go: Event, told: list[str]) -> Running:
    """Tells whether it was stopped before it was let go."""

    async def run() -> str:
        told.append("begun")
        try:
            await go.wait()
        except CancelledError:
            told.append("stopped")
            raise
        told.append("done")
        return "sent"

    return run


def does_not_stop(go: Event) -> Running:
    async def run() -> str:
        with suppress(CancelledError):
            await Event().wait()
        await go.wait()
        return "late"

    return run


@final
@dataclass(slots=True)
class Renewals:
    """A journal that says how its renewals were answered; while it is `away` none is."""

    effects: EffectJournal
    away: bool = False
    answers: list[bool] = field(default_factory=list[bool])

    async def renew(self, tenant_id: TenantId, invocation_id: InvocationId, fence: int) -> bool:
        if self.away:
            raise StorageUnavailableError
        self.answers.append(await self.effects.renew(tenant_id, invocation_id, fence))
        return self.answers[-1]

    def __getattr__(self, name: str) -> object:
        return getattr(self.effects, name)


def renewed_soon(server: Server, renewals: Renewals) -> RunCall:
    # Whatever it does not do itself the journal does.
    effects = cast("EffectJournal", renewals)
    return replace(server.run_call, effects=effects, lease_seconds=SOON)


async def passes() -> None:
    """Let everything run that can; what has been told to stop stops."""
    for _ in range(99):
        await sleep(0)
