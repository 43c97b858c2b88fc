"""somagent.capsule.v1, from outside."""

import orjson

from somagent.capsule.v1 import capsule_pb2 as pb
from somagent.capsule.v1 import capsule_pb2_grpc as rpc
from somagent.conversation.v1 import conversation_pb2
from somagent.conversation.v1.conversation_pb2_grpc import ConversationServiceStub
from tests.e2e.refused import reason_of
from tests.e2e.stage import CAPSULE, Metadata, Stage, fresh_id


async def create(stage: Stage, slug: str, caller: Metadata, version: str) -> pb.Capsule:
    answer = await rpc.CapsuleServiceStub(stage.channel).CreateCapsule(
        pb.CreateCapsuleRequest(
            parent=f"tenants/{slug}",
            manifest=await stage.signed(version=version),
            request_id=fresh_id(),
        ),
        metadata=caller.pairs,
    )
    return answer.capsule


async def test_a_version_is_created_as_a_draft_and_made_active(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.CapsuleServiceStub(stage.channel)
    draft = await create(stage, slug, ada, "1.0.0")

    active = await stub.ActivateCapsule(
        pb.ActivateCapsuleRequest(name=draft.name, etag=draft.etag, request_id=fresh_id()),
        metadata=ada.pairs,
    )
    read = await stub.GetCapsule(
        pb.GetCapsuleRequest(name=f"tenants/{slug}/capsules/helpful"), metadata=ada.pairs
    )

    assert draft.name == f"tenants/{slug}/capsules/helpful/versions/1.0.0"
    assert draft.state == pb.CAPSULE_STATE_DRAFT
    assert draft.derived_settings.max_tokens == 512
    assert draft.knobs.resource_budget_micro_usd == 500_000
    assert active.capsule.state == pb.CAPSULE_STATE_ACTIVE
    assert read.capsule == active.capsule
    assert orjson.loads(read.capsule.manifest)["name"] == "helpful"


async def test_activating_another_version_makes_a_draft_of_the_one_before(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.CapsuleServiceStub(stage.channel)
    versions = [await create(stage, slug, ada, version) for version in ("1.0.0", "1.1.0")]
    for version in versions:
        await stub.ActivateCapsule(
            pb.ActivateCapsuleRequest(name=version.name, request_id=fresh_id()),
            metadata=ada.pairs,
        )

    request = pb.ListCapsulesRequest(parent=f"tenants/{slug}/capsules/helpful", page_size=1)
    first = await stub.ListCapsules(request, metadata=ada.pairs)
    request.page_token = first.next_page_token
    second = await stub.ListCapsules(request, metadata=ada.pairs)

    shown = [*first.capsules, *second.capsules]
    assert [(one.name.rpartition("/")[2], one.state) for one in shown] == [
        ("1.1.0", pb.CAPSULE_STATE_ACTIVE),
        ("1.0.0", pb.CAPSULE_STATE_DRAFT),
    ]
    assert [one.manifest for one in shown] == ["", ""]


async def test_a_manifest_that_was_changed_after_it_was_signed_is_refused(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    signed = await stage.signed()

    for manifest, reason in (
        (signed.replace("one sentence", "ten sentences"), "CAPSULE_SIGNATURE_INVALID"),
        (CAPSULE.format(version="1.0.0", autonomy=7), "CAPSULE_SIGNATURE_INVALID"),
        (signed.replace('"intelligence_level"', '"intelligence"'), "UNKNOWN_KNOB"),
        ("a: [", "CAPSULE_MALFORMED"),
    ):
        refused = await reason_of(
            rpc.CapsuleServiceStub(stage.channel).CreateCapsule(
                pb.CreateCapsuleRequest(
                    parent=f"tenants/{slug}", manifest=manifest, request_id=fresh_id()
                ),
                metadata=ada.pairs,
            )
        )
        assert refused == reason


async def test_a_trial_changes_nothing(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.CapsuleServiceStub(stage.channel)

    tried = await stub.CreateCapsule(
        pb.CreateCapsuleRequest(
            parent=f"tenants/{slug}",
            manifest=await stage.signed(),
            request_id=fresh_id(),
            validate_only=True,
        ),
        metadata=ada.pairs,
    )
    listed = await stub.ListCapsules(
        pb.ListCapsulesRequest(parent=f"tenants/{slug}"), metadata=ada.pairs
    )

    assert tried.capsule.state == pb.CAPSULE_STATE_DRAFT
    assert not listed.capsules


async def test_without_an_active_version_there_is_no_capsule(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    await create(stage, slug, ada, "1.0.0")

    refused = await reason_of(
        rpc.CapsuleServiceStub(stage.channel).GetCapsule(
            pb.GetCapsuleRequest(name=f"tenants/{slug}/capsules/helpful"), metadata=ada.pairs
        )
    )

    assert refused == "CAPSULE_NOT_FOUND"


async def test_nothing_begins_under_a_withdrawn_version(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    name = await stage.capsule(slug, ada)
    stub = rpc.CapsuleServiceStub(stage.channel)
    active = (await stub.GetCapsule(pb.GetCapsuleRequest(name=name), metadata=ada.pairs)).capsule
    stale = pb.RevokeCapsuleRequest(name=active.name, etag="0", request_id=fresh_id())
    asked = pb.RevokeCapsuleRequest(name=active.name, etag=active.etag, request_id=fresh_id())

    mismatch = await reason_of(stub.RevokeCapsule(stale, metadata=ada.pairs))
    revoked = await stub.RevokeCapsule(asked, metadata=ada.pairs)
    again = await stub.RevokeCapsule(asked, metadata=ada.pairs)
    opened = await reason_of(
        ConversationServiceStub(stage.channel).CreateSession(
            conversation_pb2.CreateSessionRequest(
                parent=f"tenants/{slug}",
                session=conversation_pb2.Session(capsule=name),
                request_id=fresh_id(),
            ),
            metadata=ada.pairs,
        )
    )

    assert mismatch == "ETAG_MISMATCH"
    assert revoked.capsule.state == pb.CAPSULE_STATE_REVOKED
    assert again == revoked
    assert opened == "CAPSULE_REVOKED"
