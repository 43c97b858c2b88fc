"""What one client does, again and again, while servers die around it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tests.crash.acting import (
    budgets,
    delivery,
    memories,
    offers,
    records,
    tenancy,
    tools,
    turns,
)
from tests.crash.acting.actor import Actor
from tests.crash.caller import NotServedError
from tests.system.client import RefusedError

Act = Callable[[Actor], Awaitable[None]]

ACTS: Final[Mapping[str, Act]] = {
    act.__name__: act
    for act in (
        turns.plain,
        turns.slow,
        turns.watched,
        turns.overheard,
        turns.tool,
        turns.tools,
        turns.stamped,
        turns.posted,
        turns.fired,
        turns.cancelled,
        turns.approved,
        turns.contested,
        turns.endorsed,
        turns.queued,
        turns.short_session,
        turns.rated,
        tools.executed,
        tools.executed_slowly,
        tools.posted_slowly,
        tools.resolved,
        tools.sanctioned,
        tools.overtaken,
        tools.forsaken,
        budgets.released,
        budgets.left,
        budgets.warned,
        budgets.settled,
        budgets.limited,
        records.recorded,
        memories.remembered,
        memories.forgotten,
        offers.published,
        offers.withdrawn,
        offers.registered,
        tenancy.keyed,
        tenancy.unkeyed,
        tenancy.founded,
        tenancy.stopped,
        delivery.told_again,
    )
}
"""Everything that a client can do, by name."""

BY_MESSAGE: Final[Mapping[str, Act]] = {
    act.__name__: act
    for act in (
        delivery.messaged,
        delivery.requested,
        delivery.spoiled,
        delivery.mended,
        delivery.discarded,
    )
}
"""What it can do besides, where there is a broker."""


@dataclass(slots=True)
class Acts(Actor):
    """A client that does what it is told."""

    async def do(self, act: str) -> None:
        """Do one thing; a refusal, and a service that does not answer, are in the evidence."""
        try:
            await {**ACTS, **BY_MESSAGE}[act](self)
        except (RefusedError, NotServedError):
            return
