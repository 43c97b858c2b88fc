"""Signals between servers: lost ones are found, told ones are told to whom they concern."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from application.conversation.ports.signals import Signal, SignalKind
from domain.kernel.identifiers import TurnId
from tests.contract.kernel import Server
from tests.contract.scene import Scene


async def heard(server: Server, wanted: Signal, tell: Callable[[], Awaitable[None]]) -> None:
    """Listen at a server, tell it something, and come back when it has heard it."""
    signals = server.signals.listen()

    async def listen() -> None:
        async for signal in signals:
            if signal == wanted:
                return

    listening = asyncio.create_task(listen())
    # A signal told before the listener listens may be lost: it is told until it is heard.
    while not listening.done():
        await tell()
        await asyncio.wait([listening], timeout=0.05)
    await listening


class TestSignals:
    async def test_a_cancellation_is_kept_for_the_driver(self, scene: Scene) -> None:
        turn_id = await scene.running()
        await scene.kernel.other.signals.cancel(scene.ask.tenant_id, turn_id, "ada")
        await scene.kernel.other.signals.cancel(scene.ask.tenant_id, turn_id, "eve")

        found = await scene.kernel.one.signals.cancellations([(scene.ask.tenant_id, turn_id)])

        assert list(found) == [(turn_id, "ada")]

    async def test_a_watch_is_seen_by_other_servers(self, scene: Scene) -> None:
        turn_id = await scene.running()
        await scene.kernel.other.signals.watch(scene.ask.tenant_id, turn_id)
        named = [(scene.ask.tenant_id, turn_id)]

        assert list(await scene.kernel.one.signals.watched(named)) == [turn_id]
        assert list(await scene.kernel.other.signals.watched(named)) == []

    async def test_nothing_asked_is_nothing_found(self, scene: Scene) -> None:
        unknown = [(scene.ask.tenant_id, TurnId(scene.ask.identifiers.next()))]

        assert list(await scene.kernel.one.signals.cancellations(unknown)) == []
        assert list(await scene.kernel.one.signals.watched(unknown)) == []
        assert list(await scene.kernel.one.signals.watched([])) == []

    async def test_a_cancellation_is_told_to_the_driver(self, scene: Scene) -> None:
        turn_id = await scene.running()

        await heard(
            scene.kernel.one,
            Signal(SignalKind.CANCEL, turn_id),
            lambda: scene.kernel.other.signals.cancel(scene.ask.tenant_id, turn_id, "ada"),
        )

    async def test_events_are_told_to_the_watcher(self, scene: Scene) -> None:
        turn_id = await scene.running()
        named = [(scene.ask.tenant_id, turn_id)]
        await scene.kernel.other.signals.watch(scene.ask.tenant_id, turn_id)

        await heard(
            scene.kernel.other,
            Signal(SignalKind.WRITTEN, turn_id),
            lambda: scene.kernel.one.signals.written(named),
        )

    @pytest.mark.parametrize("told", [True, False])
    async def test_a_promotion_is_told_to_its_server(self, scene: Scene, *, told: bool) -> None:
        turn_id = await scene.running()
        owner = scene.kernel.other if told else scene.kernel.one

        await heard(
            owner,
            Signal(SignalKind.PROMOTED, turn_id),
            lambda: scene.kernel.one.signals.promoted(turn_id, owner.id),
        )
