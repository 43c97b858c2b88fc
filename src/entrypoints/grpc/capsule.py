"""The servicer of somagent.capsule.v1."""

from dataclasses import dataclass
from typing import Final, final
from uuid import UUID

from application.capsule.activate_capsule import ActivateCapsule, ActivateCapsuleCommand
from application.capsule.create_capsule import CreateCapsule, CreateCapsuleCommand
from application.capsule.get_capsule import (
    GetCapsule,
    GetCapsuleQuery,
    ListCapsules,
    ListCapsulesQuery,
)
from application.capsule.ports import CapsulePlace
from application.capsule.revoke_capsule import RevokeCapsule, RevokeCapsuleCommand
from domain.capsule.capsule import Capsule, CapsuleState
from domain.capsule.knob import DerivedSettings, derive
from domain.kernel.identifiers import CapsuleVersionId, RequestId
from domain.kernel.tier import Tier
from entrypoints.grpc.admission import Admission, answering
from entrypoints.grpc.arriving import Call
from entrypoints.grpc.conversation_resources import timestamp
from entrypoints.grpc.names import capsule_name, capsule_of, collection_of
from entrypoints.grpc.paging import PageTokens
from somagent.capability.v1 import capability_pb2
from somagent.capsule.v1 import capsule_pb2 as pb

_MICRO: Final = 1_000_000


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CapsuleServicer:
    """A version never changes; only which one is active does, and whether it is withdrawn."""

    admission: Admission
    pages: PageTokens
    create: CreateCapsule
    get: GetCapsule
    list: ListCapsules
    activate: ActivateCapsule
    revoke: RevokeCapsule

    async def CreateCapsule(
        self, request: pb.CreateCapsuleRequest, call: Call
    ) -> pb.CreateCapsuleResponse:
        async with answering(self.admission, call, request) as caller:
            capsule = await self.create(
                CreateCapsuleCommand(
                    principal=caller.principal,
                    tenant_id=caller.tenant_id,
                    manifest=request.manifest,
                    request_id=RequestId(request.request_id.lower()),
                    validate_only=request.validate_only,
                )
            )
            return pb.CreateCapsuleResponse(capsule=_capsule(caller.tenant, capsule))

    async def GetCapsule(self, request: pb.GetCapsuleRequest, call: Call) -> pb.GetCapsuleResponse:
        async with answering(self.admission, call, request) as caller:
            slug, version = capsule_of(request.name)
            capsule = await self.get(
                GetCapsuleQuery(tenant_id=caller.tenant_id, name=slug, version=version)
            )
            return pb.GetCapsuleResponse(capsule=_capsule(caller.tenant, capsule))

    async def ListCapsules(
        self, request: pb.ListCapsulesRequest, call: Call
    ) -> pb.ListCapsulesResponse:
        async with answering(self.admission, call, request) as caller:
            page = self.pages.page(
                caller, request, size=request.page_size, token=request.page_token
            )
            one_capsule = collection_of(request.parent) == "capsules"
            found = await self.list(
                ListCapsulesQuery(
                    tenant_id=caller.tenant_id,
                    limit=page.limit,
                    name=capsule_of(request.parent)[0] if one_capsule else "",
                    state=_state(request.state),
                    after=_place(page.after) if page.after else None,
                )
            )
            shown, token = self.pages.cut(caller, request, page, found, _cursor)
            return pb.ListCapsulesResponse(
                capsules=[_capsule(caller.tenant, one, manifest=False) for one in shown],
                next_page_token=token,
            )

    async def ActivateCapsule(
        self, request: pb.ActivateCapsuleRequest, call: Call
    ) -> pb.ActivateCapsuleResponse:
        async with answering(self.admission, call, request) as caller:
            slug, version = capsule_of(request.name)
            capsule = await self.activate(
                ActivateCapsuleCommand(
                    principal=caller.principal,
                    tenant_id=caller.tenant_id,
                    tenant=caller.tenant,
                    name=slug,
                    version=version,
                    etag=request.etag,
                    request_id=RequestId(request.request_id.lower()),
                )
            )
            return pb.ActivateCapsuleResponse(capsule=_capsule(caller.tenant, capsule))

    async def RevokeCapsule(
        self, request: pb.RevokeCapsuleRequest, call: Call
    ) -> pb.RevokeCapsuleResponse:
        async with answering(self.admission, call, request) as caller:
            slug, version = capsule_of(request.name)
            capsule = await self.revoke(
                RevokeCapsuleCommand(
                    principal=caller.principal,
                    tenant_id=caller.tenant_id,
                    tenant=caller.tenant,
                    name=slug,
                    version=version,
                    etag=request.etag,
                    request_id=RequestId(request.request_id.lower()),
                )
            )
            return pb.RevokeCapsuleResponse(capsule=_capsule(caller.tenant, capsule))


def _state(state: "pb.CapsuleState.ValueType") -> CapsuleState | None:
    if state == pb.CAPSULE_STATE_UNSPECIFIED:
        return None
    return CapsuleState[pb.CapsuleState.Name(state).removeprefix("CAPSULE_STATE_")]


def _cursor(capsule: Capsule) -> str:
    return f"{capsule.manifest.name}/{capsule.id}"


def _place(cursor: str) -> CapsulePlace:
    name, _, capsule_id = cursor.rpartition("/")
    return CapsulePlace(name, CapsuleVersionId(UUID(capsule_id)))


def _capsule(tenant: str, capsule: Capsule, *, manifest: bool = True) -> pb.Capsule:
    written = capsule.manifest
    knobs = written.knobs
    return pb.Capsule(
        name=capsule_name(tenant, written.name, written.version),
        display_name=written.display_name,
        state=pb.CapsuleState.Value(f"CAPSULE_STATE_{capsule.state.name}"),
        hash=capsule.hash.hex(),
        key_id=capsule.signature.key_id,
        manifest=capsule.document.decode() if manifest else "",
        knobs=pb.Knobs(
            intelligence_level=knobs.intelligence_level,
            autonomy_level=knobs.autonomy_level,
            resource_budget_micro_usd=int(knobs.resource_budget * _MICRO),
        ),
        derived_settings=_settings(derive(knobs)),
        create_time=timestamp(capsule.created_at),
        activate_time=None if capsule.activated_at is None else timestamp(capsule.activated_at),
        etag=capsule.etag,
    )


def _settings(derived: DerivedSettings) -> pb.DerivedSettings:
    return pb.DerivedSettings(
        temperature=derived.temperature,
        max_tokens=derived.max_tokens,
        rlm_iterations=derived.rlm_iterations,
        recall_limit=derived.recall_limit,
        model_tier=_tier(derived.model_tier),
        brain_query=derived.brain_query,
        rlm_max_depth=derived.rlm_max_depth,
        rlm_thinking_tokens=derived.rlm_thinking_tokens,
        human_approval_required=derived.human_approval_required,
        tool_approval=pb.ToolApproval.Value(f"TOOL_APPROVAL_{derived.tool_approval.name}"),
        egress_allowed=pb.Egress.Value(f"EGRESS_{derived.egress_allowed.name}"),
        token_limit=derived.token_limit,
        cost_tier=_tier(derived.cost_tier),
        thinking_budget_tokens=derived.thinking_budget,
    )


def _tier(tier: Tier) -> "capability_pb2.Tier.ValueType":
    return capability_pb2.Tier.Value(f"TIER_{tier.name}")
