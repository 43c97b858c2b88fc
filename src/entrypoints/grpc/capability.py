"""The servicer of somagent.capability.v1."""

from dataclasses import dataclass
from typing import final

from application.capability.list_capabilities import ListCapabilities, ListCapabilitiesQuery
from application.capability.register_capability import (
    RegisterCapability,
    RegisterCapabilityCommand,
)
from application.capability.select_capability import (
    ExplainSelection,
    SelectCapability,
    SelectCapabilityQuery,
)
from application.conversation.read_conversation import ReadDecisionTrace, ReadTurnQuery
from domain.capability.capability import Capability, Modality
from domain.kernel.identifiers import RequestId
from entrypoints.grpc.admission import Admission, answering
from entrypoints.grpc.arriving import Call
from entrypoints.grpc.caller import Caller
from entrypoints.grpc.capability_forms import (
    capability_form,
    capability_of_form,
    explanation_form,
    modality_of,
    need_of,
    selection_form,
)
from entrypoints.grpc.conversation_trace import trace_of_domain
from entrypoints.grpc.names import turn_of
from entrypoints.grpc.paging import PageTokens
from somagent.capability.v1 import capability_pb2 as pb


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityServicer:
    """Providers are configured on the server; tenants say which of their models they want."""

    admission: Admission
    pages: PageTokens
    register: RegisterCapability
    list: ListCapabilities
    select: SelectCapability
    explain: ExplainSelection
    read_decision_trace: ReadDecisionTrace

    async def RegisterCapability(
        self, request: pb.RegisterCapabilityRequest, call: Call
    ) -> pb.RegisterCapabilityResponse:
        async with answering(self.admission, call, request) as caller:
            capability = await self.register(
                RegisterCapabilityCommand(
                    principal=caller.principal,
                    tenant_id=caller.tenant_id,
                    capability=capability_of_form(request.capability_id, request.capability),
                    request_id=RequestId(request.request_id.lower()),
                )
            )
            form = capability_form(caller.tenant, capability)
            return pb.RegisterCapabilityResponse(capability=form)

    async def ListCapabilities(
        self, request: pb.ListCapabilitiesRequest, call: Call
    ) -> pb.ListCapabilitiesResponse:
        async with answering(self.admission, call, request) as caller:
            page = self.pages.page(
                caller, request, size=request.page_size, token=request.page_token
            )
            found = await self.list(
                ListCapabilitiesQuery(
                    tenant_id=caller.tenant_id,
                    limit=page.limit,
                    modality=_modality(request.modality),
                    after=page.after,
                )
            )
            shown, token = self.pages.cut(caller, request, page, found, _cursor)
            return pb.ListCapabilitiesResponse(
                capabilities=[capability_form(caller.tenant, one) for one in shown],
                next_page_token=token,
            )

    async def SelectCapability(
        self, request: pb.SelectCapabilityRequest, call: Call
    ) -> pb.SelectCapabilityResponse:
        async with answering(self.admission, call, request) as caller:
            selection = await self.select(_query(caller, request.need))
            form = selection_form(caller.tenant, request.need, selection)
            return pb.SelectCapabilityResponse(selection=form)

    async def ExplainSelection(
        self, request: pb.ExplainSelectionRequest, call: Call
    ) -> pb.ExplainSelectionResponse:
        async with answering(self.admission, call, request) as caller:
            if request.WhichOneof("subject") == "turn":
                selection = await self._of_turn(caller, request.turn)
            else:
                found = await self.explain(_query(caller, request.need))
                selection = explanation_form(caller.tenant, request.need, found)
            return pb.ExplainSelectionResponse(selection=selection)

    async def _of_turn(self, caller: Caller, name: str) -> pb.Selection:
        session_id, turn_id = turn_of(name)
        explained = await self.read_decision_trace(
            ReadTurnQuery(tenant_id=caller.tenant_id, session_id=session_id, turn_id=turn_id)
        )
        return trace_of_domain(caller.tenant, explained).selection


def _query(caller: Caller, need: pb.Need) -> SelectCapabilityQuery:
    return SelectCapabilityQuery(
        principal=caller.principal, need=need_of(need), tenant_id=caller.tenant_id
    )


def _modality(modality: "pb.Modality.ValueType") -> Modality | None:
    return None if modality == pb.MODALITY_UNSPECIFIED else modality_of(modality)


def _cursor(capability: Capability) -> str:
    return capability.name
