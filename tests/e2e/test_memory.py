"""somagent.memory.v1, from outside."""

from somagent.memory.v1 import memory_pb2 as pb
from somagent.memory.v1 import memory_pb2_grpc as rpc
from tests.e2e.refused import reason_of
from tests.e2e.stage import Stage, fresh_id


async def test_what_was_remembered_is_recalled_until_it_is_forgotten(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.MemoryServiceStub(stage.channel)
    parent = f"tenants/{slug}"

    kept = await stub.Remember(
        pb.RememberRequest(
            parent=parent, text="The green house belongs to Ada.", request_id=fresh_id()
        ),
        metadata=ada.pairs,
    )
    recall = pb.RecallRequest(parent=parent, cue="green house", limit=5)
    found = await stub.Recall(recall, metadata=ada.pairs)

    assert [one.name for one in found.recollections] == [kept.recollection.name]
    assert found.recollections[0].score > 0
    assert kept.recollection.kind == pb.MEMORY_KIND_FACT
    assert kept.recollection.strength == 0.5
    assert not kept.recollection.HasField("score")

    await stub.Forget(
        pb.ForgetRequest(name=kept.recollection.name, request_id=fresh_id()), metadata=ada.pairs
    )
    assert not (await stub.Recall(recall, metadata=ada.pairs)).recollections


async def test_a_repeated_request_gives_the_first_answer_and_other_content_is_refused(
    stage: Stage,
) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.MemoryServiceStub(stage.channel)
    request = pb.RememberRequest(parent=f"tenants/{slug}", text="one", request_id=fresh_id())

    first = await stub.Remember(request, metadata=ada.pairs)
    again = await stub.Remember(request, metadata=ada.pairs)
    request.text = "two"

    assert again == first
    refused = await reason_of(stub.Remember(request, metadata=ada.pairs))
    assert refused == "IDEMPOTENCY_KEY_REUSED"


async def test_memories_of_one_are_not_anothers_unless_they_are_shared(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    bob = await stage.key(slug, "member", subject="bob")
    stub = rpc.MemoryServiceStub(stage.channel)
    parent = f"tenants/{slug}"
    for text, shared in (("the own garden", False), ("the common garden", True)):
        await stub.Remember(
            pb.RememberRequest(parent=parent, text=text, shared=shared, request_id=fresh_id()),
            metadata=ada.pairs,
        )

    seen = await stub.Recall(pb.RecallRequest(parent=parent, cue="garden"), metadata=bob.pairs)

    assert [one.text for one in seen.recollections] == ["the common garden"]
    assert seen.recollections[0].subject == ""


async def test_nobody_forgets_what_is_not_there(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.MemoryServiceStub(stage.channel)
    name = f"tenants/{slug}/memories/0198f2a0-0000-7000-8000-00000000000a"

    refused = await reason_of(
        stub.Forget(pb.ForgetRequest(name=name, request_id=fresh_id()), metadata=ada.pairs)
    )

    assert refused == "MEMORY_NOT_FOUND"
