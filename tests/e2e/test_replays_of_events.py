"""Published events are published once more, from outside, where there is no broker."""

from dataclasses import dataclass

from somagent.operations.v1 import operations_pb2 as pb
from somagent.operations.v1 import operations_pb2_grpc as rpc
from tests.e2e.refused import reason_of
from tests.e2e.stage import Metadata, Stage, fresh_id
from tests.system.service import until

ACTIVATED = "capsule.activated"


@dataclass(frozen=True, slots=True)
class Replays:
    """What a caller asks for, about one tenant."""

    stage: Stage
    slug: str
    caller: Metadata

    async def __call__(self, kind: str, topic: str = "") -> int:
        return (await self.asked(kind, topic)).replayed_events

    async def asked(self, kind: str, topic: str) -> pb.ReplayEventsResponse:
        request = pb.ReplayEventsRequest(
            parent=f"tenants/{self.slug}", type=kind, topic=topic, request_id=fresh_id()
        )
        stub = rpc.OperationsServiceStub(self.stage.channel)
        return await stub.ReplayEvents(request, metadata=self.caller.pairs)

    async def refused(self, kind: str, topic: str) -> str:
        return await reason_of(self(kind, topic))


async def activated(stage: Stage) -> Replays:
    """A tenant of whose events one, `capsule.activated`, was published."""
    slug, ada = await stage.tenant()
    await stage.capsule(slug, ada)
    replays = Replays(stage, slug, ada)

    async def published() -> bool:
        return await replays(ACTIVATED) == 1

    await until(published)
    return replays


async def test_a_replay_adds_nothing_to_what_there_is_to_replay(stage: Stage) -> None:
    replays = await activated(stage)

    assert [await replays(ACTIVATED) for _ in range(3)] == [1, 1, 1]


async def test_pages_follow_each_other_to_their_end_and_are_told_again_alike(
    stage: Stage,
) -> None:
    replays = await activated(stage)
    parent, token, pages = f"tenants/{replays.slug}", "", 0
    stub = rpc.OperationsServiceStub(stage.channel)

    while pages == 0 or token:
        request = pb.ReplayEventsRequest(
            parent=parent, key=parent, page_size=1, page_token=token, request_id=fresh_id()
        )
        answer = await stub.ReplayEvents(request, metadata=replays.caller.pairs)
        again = await stub.ReplayEvents(request, metadata=replays.caller.pairs)
        assert again == answer
        assert answer.replayed_events == 1
        token, pages = answer.next_page_token, pages + 1

    assert pages > 1


async def test_a_topic_of_the_service_is_there_without_a_broker_and_another_is_not(
    stage: Stage,
) -> None:
    replays = await activated(stage)
    by_operator = Replays(stage, replays.slug, stage.operator)

    assert await by_operator(ACTIVATED, "usage.events") == 1
    left_out = await by_operator.asked(ACTIVATED, "mine")
    assert (left_out.replayed_events, left_out.refused_events) == (0, 1)


async def test_no_event_is_replayed_into_what_the_service_reads_itself(stage: Stage) -> None:
    slug, _ = await stage.tenant()
    by_operator = Replays(stage, slug, stage.operator)

    for topic in ("conversation.inbound", "tool.requests"):
        assert await by_operator.refused(ACTIVATED, topic) == "INVALID_ARGUMENT"


async def test_a_topic_is_named_by_operators_alone(stage: Stage) -> None:
    slug, ada = await stage.tenant()

    assert await Replays(stage, slug, ada).refused(ACTIVATED, "audit.events") == "PERMISSION_DENIED"
