"""The part of an answer that stands is counted by whichever model goes on with it."""

from asyncio import Event
from collections.abc import Sequence
from typing import final

import pytest

from adapters.inmemory.language_model import Line, said
from application.conversation.ports.models import ModelText
from domain.capability.capability import Capability
from domain.conversation.errors import ModelFailedError
from domain.conversation.turn import TurnState
from tests.doubles import ByteCounter, WordCounter
from tests.inmemory_application import Server
from tests.inmemory_world import World, capability, manifest, world
from tests.unit.application.conversation.lost_servers import CONTINUES, check_money, taken, told

BROKEN = ModelFailedError("tiny", "it broke off")


@pytest.fixture
async def shared() -> World:
    shared = await world(manifest(policy=CONTINUES))
    shared.capabilities = (capability(priority=1), capability("spare"))
    shared.counter = OwnCounters()
    return shared


@final
class OwnCounters:
    """A `TokenCounter` in which `spare` has no tokenizer of its own: it counts bytes."""

    async def count(self, capability: Capability, texts: Sequence[str]) -> Sequence[int]:
        counter = ByteCounter() if capability.name == "spare" else WordCounter()
        return await counter.count(capability, texts)

    def exact(self, capability: Capability) -> bool:
        return capability.name != "spare"


async def test_what_stands_is_counted_by_each_model_that_goes_on(
    shared: World, server: Server
) -> None:
    shared.model.will_say(
        [ModelText("xx " * 10), BROKEN], [ModelText("yy " * 10), BROKEN], said("z" * 9)
    )

    turn = await server.answered(max_tokens=100)

    requests = shared.model.requests
    assert [one.capability.name for one in requests] == ["tiny", "tiny", "spare"]
    assert [one.max_tokens for one in requests] == [100, 90, 40]
    assert turn.state is TurnState.COMPLETED
    check_money(shared, turn)


async def test_a_fallback_that_counts_more_has_room_in_what_was_reserved(
    shared: World, server: Server
) -> None:
    shared.model.will_say([ModelText("xx " * 20), BROKEN], [BROKEN], said("z" * 9))

    turn = await server.answered(max_tokens=100)

    requests = shared.model.requests
    assert [one.capability.name for one in requests] == ["tiny", "tiny", "spare"]
    assert [one.max_tokens for one in requests] == [100, 80, 40]
    assert turn.state is TurnState.COMPLETED
    check_money(shared, turn)


async def test_an_answer_that_nobody_is_left_to_go_on_with_reserves_nothing_more(
    shared: World, server: Server
) -> None:
    broken: list[Line] = [ModelText("xx "), BROKEN]
    shared.model.will_say(broken, broken, broken, broken)

    turn = await server.answered()

    assert turn.state is TurnState.FAILED
    assert len(shared.model.requests) == 4
    steps = {line.settlement.step for line in shared.store.ledger}
    assert steps == {1, 2, 3, 4}  # three renewals, and the end
    check_money(shared, turn)


async def test_another_server_reserves_enough_for_a_fallback_that_counts_more(
    shared: World, server: Server
) -> None:
    other = Server(world=shared, name="other")
    shared.model.will_say([ModelText("xx " * 20), Event()], [BROKEN], said("z" * 9))
    turn_id = await server.say(max_tokens=100)
    await told(server, turn_id, written=True)

    turn = await taken(other, turn_id)

    assert turn.state is TurnState.COMPLETED
    assert [one.max_tokens for one in shared.model.requests] == [100, 80, 40]
    check_money(shared, turn)
