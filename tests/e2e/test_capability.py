"""somagent.capability.v1, from outside."""

from somagent.capability.v1 import capability_pb2 as pb
from somagent.capability.v1 import capability_pb2_grpc as rpc
from tests.e2e.refused import reason_of
from tests.e2e.stage import Metadata, Stage, fresh_id


def capability() -> pb.Capability:
    return pb.Capability(
        modality=pb.MODALITY_TEXT,
        provider="scripted",
        model="tiny",
        model_tier=pb.TIER_STANDARD,
        cost_tier=pb.TIER_BUDGET,
        context_window_tokens=4096,
        price=pb.Price(input_micro_usd=150_000, output_micro_usd=600_000),
        tool_calling=pb.TOOL_CALLING_NATIVE,
        enabled=True,
    )


async def register(stage: Stage, slug: str, caller: Metadata, name: str) -> pb.Capability:
    answer = await rpc.CapabilityServiceStub(stage.channel).RegisterCapability(
        pb.RegisterCapabilityRequest(
            parent=f"tenants/{slug}",
            capability_id=name,
            capability=capability(),
            request_id=fresh_id(),
        ),
        metadata=caller.pairs,
    )
    return answer.capability


async def test_what_a_tenant_registers_is_listed_beside_the_servers_own(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.CapabilityServiceStub(stage.channel)

    registered = await register(stage, slug, ada, "tiny")
    listed = await stub.ListCapabilities(
        pb.ListCapabilitiesRequest(parent=f"tenants/{slug}"), metadata=ada.pairs
    )

    assert registered.name == f"tenants/{slug}/capabilities/tiny"
    assert registered.price == capability().price
    assert [one.name.rpartition("/")[2] for one in listed.capabilities] == [
        "scripted-large",
        "tiny",
    ]


async def test_capabilities_are_listed_page_by_page(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.CapabilityServiceStub(stage.channel)
    for name in ("a", "b"):
        await register(stage, slug, ada, name)
    request = pb.ListCapabilitiesRequest(parent=f"tenants/{slug}", page_size=2)

    first = await stub.ListCapabilities(request, metadata=ada.pairs)
    request.page_token = first.next_page_token
    second = await stub.ListCapabilities(request, metadata=ada.pairs)

    shown = [*first.capabilities, *second.capabilities]
    assert [one.name.rpartition("/")[2] for one in shown] == ["a", "b", "scripted-large"]
    assert second.next_page_token == ""


async def test_a_name_is_registered_once(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    await register(stage, slug, ada, "tiny")

    refused = await reason_of(register(stage, slug, ada, "tiny"))

    assert refused == "CAPABILITY_ALREADY_EXISTS"


async def test_a_provider_that_is_not_configured_is_refused(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    wanted = capability()
    wanted.provider = "elsewhere"
    request = pb.RegisterCapabilityRequest(
        parent=f"tenants/{slug}", capability_id="x", capability=wanted, request_id=fresh_id()
    )

    refused = await reason_of(
        rpc.CapabilityServiceStub(stage.channel).RegisterCapability(request, metadata=ada.pairs)
    )

    assert refused == "CAPABILITY_INVALID"


async def test_a_selection_shows_who_was_chosen_and_why_others_fell_out(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    await register(stage, slug, ada, "tiny")
    need = pb.Need(modality=pb.MODALITY_TEXT, context_window_tokens=8000)

    answer = await rpc.CapabilityServiceStub(stage.channel).SelectCapability(
        pb.SelectCapabilityRequest(parent=f"tenants/{slug}", need=need), metadata=ada.pairs
    )

    selection = answer.selection
    assert selection.chosen == f"tenants/{slug}/capabilities/scripted-large"
    assert [(one.outcome, one.reason) for one in selection.candidates] == [
        (pb.CANDIDATE_OUTCOME_CHOSEN, pb.FALL_REASON_UNSPECIFIED),
        (pb.CANDIDATE_OUTCOME_FELL_OUT, pb.FALL_REASON_WINDOW_TOO_SMALL),
    ]
    assert selection.need == need


async def test_an_explanation_answers_also_where_nothing_serves(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.CapabilityServiceStub(stage.channel)
    need = pb.Need(modality=pb.MODALITY_VIDEO)

    explained = await stub.ExplainSelection(
        pb.ExplainSelectionRequest(parent=f"tenants/{slug}", need=need), metadata=ada.pairs
    )
    refused = await reason_of(
        stub.SelectCapability(
            pb.SelectCapabilityRequest(parent=f"tenants/{slug}", need=need), metadata=ada.pairs
        )
    )

    assert explained.selection.chosen == ""
    assert [one.reason for one in explained.selection.candidates] == [pb.FALL_REASON_MODALITY]
    assert refused == "NO_CAPABILITY"


async def test_a_turn_that_is_not_there_cannot_be_explained(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    nothing = "0198f2a0-0000-7000-8000-00000000000a"
    request = pb.ExplainSelectionRequest(
        parent=f"tenants/{slug}", turn=f"tenants/{slug}/sessions/{nothing}/turns/{nothing}"
    )

    refused = await reason_of(
        rpc.CapabilityServiceStub(stage.channel).ExplainSelection(request, metadata=ada.pairs)
    )

    assert refused == "TURN_NOT_FOUND"
