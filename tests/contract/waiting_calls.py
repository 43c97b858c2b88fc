"""Calls by themselves that wait for a person, as suites make and approve them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from domain.kernel.events import DomainEvent
from domain.tools.invocation import Invocation, InvocationState
from tests.contract.scene import Scene

LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)


def fact(scene: Scene) -> DomainEvent:
    return replace(scene.ask.fact(), key=scene.ask.tenant_id)


async def asked(scene: Scene, *, overdue: bool = False) -> Invocation:
    """A call by itself that waits for a person."""
    until = LONG_AGO if overdue else await scene.kernel.clock.now() + timedelta(hours=1)
    call = replace(scene.ask.call(None, InvocationState.PENDING_APPROVAL), expires_at=until)
    return await scene.kernel.effects.begin(call, str(call.id), b"content")


async def approve(scene: Scene, call: Invocation, expired: DomainEvent | None = None) -> None:
    await scene.kernel.effects.decide(
        scene.ask.tenant_id,
        call.id,
        approved=True,
        by="eve",
        events=[fact(scene)],
        expired=expired or fact(scene),
    )


async def told(scene: Scene) -> Sequence[object]:
    return (await scene.snapshot()).outgoing.get(scene.ask.tenant_id, ())
