"""One thing of every kind that a tenant can have, and one good request for every method."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from somagent.budget.v1 import budget_pb2
from somagent.capability.v1 import capability_pb2
from somagent.capsule.v1 import capsule_pb2
from somagent.conversation.v1 import conversation_pb2
from somagent.memory.v1 import memory_pb2
from somagent.operations.v1 import operations_pb2
from somagent.provenance.v1 import provenance_pb2
from somagent.tenancy.v1 import tenancy_pb2
from somagent.tools.v1 import tools_pb2
from tests.e2e.dead_letter_requests import dead_letter_requests
from tests.e2e.stage import Stage, fresh_slug
from tests.e2e.tool_requests import tool_requests
from tests.system.client import METHODS_BY_REQUEST, Client, request_id
from tests.system.conversing import answer_to, open_session
from tests.upstream.chunks import answer, call
from tests.upstream.scripted import ScriptedUpstream, streamed

SHIBBOLETH: Final = "sesquipedalian"
"""Stands in everything that the tenant says: it must never be met elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """Names of things that exist; `waiting` is a call that waits for a person, in a paused turn."""

    client: Client
    capsule: str
    version: str
    manifest: str
    session: str
    turn: str
    paused: str
    record: str
    receipt: provenance_pb2.Receipt
    invocation: str
    waiting: str
    memory: str
    key: str
    reservation: str
    capability: str
    dead_letter: str
    unknown: str

    @property
    def own_names(self) -> Sequence[str]:
        """The names of what can be changed or ended."""
        return (
            self.paused, self.turn, self.session, self.waiting, self.invocation, self.memory,
            self.key, self.reservation, self.dead_letter, self.unknown,
        )  # fmt: skip

    @property
    def names(self) -> Sequence[str]:
        """What identifies them, without the tenant's own name."""
        things = (
            self.session, self.turn, self.paused, self.record, self.invocation, self.waiting,
            self.memory, self.key, self.reservation, self.dead_letter, self.unknown,
        )  # fmt: skip
        return [name.rpartition("/")[2] for name in things]


async def belongings(stage: Stage, upstream: ScriptedUpstream) -> Belongings:
    """Make a tenant and one thing of every kind."""
    tenant, caller = await stage.tenant()
    client = Client(stage.channel, tenant, caller.key)
    capsule = await stage.capsule(tenant, caller, autonomy=1)
    return await things(stage, upstream, client, capsule)


async def things(
    stage: Stage,
    upstream: ScriptedUpstream,
    client: Client,
    capsule: str,
    capability: str = "own",
    version: str = "1.1.0",
) -> Belongings:
    """One thing of every kind, for a tenant that has a capsule; its next `version` is signed."""
    session = await open_session(client, "helpful")
    upstream.answers(streamed(*answer(f"It is {SHIBBOLETH}.")))
    events = await answer_to(client, session, f"What is {SHIBBOLETH}?")
    upstream.answers(streamed(*call("note_write", f'{{"text": "{SHIBBOLETH}"}}')))
    aside = await open_session(client, "helpful")
    pausing = await answer_to(client, aside, f"Note that it is {SHIBBOLETH}.")
    executed = [
        one
        async for one in client.stream(
            tools_pb2.ExecuteToolRequest(
                parent=client.parent,
                tool="arithmetic",
                arguments='{"expression": "1 + 1"}',
                request_id=request_id(),
            ),
            tools_pb2.ExecuteToolResponse,
        )
    ]
    record = events[-1].completed.record
    return Belongings(
        client=client,
        capsule=capsule,
        version=f"{capsule}/versions/1.0.0",
        manifest=await stage.signed(version=version),
        session=session,
        turn=events[0].accepted.turn,
        paused=pausing[0].accepted.turn,
        record=record,
        receipt=(
            await client.ask(
                provenance_pb2.GetReceiptRequest(name=record), provenance_pb2.GetReceiptResponse
            )
        ).receipt,
        invocation=_invocation_of(executed),
        waiting=pausing[-1].paused.invocations[0],
        memory=await _memory(client),
        key=await _key(client),
        reservation=await _reservation(client),
        capability=await _capability(client, capability),
        unknown=await stage.unknown_call(client.tenant, f'{{"it":"{SHIBBOLETH}"}}'),
        dead_letter=await stage.dead_letter(client.tenant, f"It is {SHIBBOLETH}.".encode()),
    )


def _invocation_of(executed: Sequence[tools_pb2.ExecuteToolResponse]) -> str:
    return executed[-1].event.ended.invocation.name


async def _memory(client: Client) -> str:
    request = memory_pb2.RememberRequest(
        parent=client.parent, text=f"It is {SHIBBOLETH}.", request_id=request_id()
    )
    return (await client.ask(request, memory_pb2.RememberResponse)).recollection.name


async def _key(client: Client) -> str:
    request = tenancy_pb2.CreateApiKeyRequest(
        parent=client.parent,
        api_key=tenancy_pb2.ApiKey(display_name="spare", roles=["auditor"]),
        request_id=request_id(),
    )
    return (await client.ask(request, tenancy_pb2.CreateApiKeyResponse)).api_key.name


async def _reservation(client: Client) -> str:
    request = budget_pb2.GateBudgetRequest(
        parent=client.parent,
        amounts=[budget_pb2.Quantity(metric=budget_pb2.METRIC_TOKENS, amount=10)],
        request_id=request_id(),
    )
    return (await client.ask(request, budget_pb2.GateBudgetResponse)).reservation.name


async def _capability(client: Client, name: str) -> str:
    request = capability_pb2.RegisterCapabilityRequest(
        parent=client.parent,
        capability_id=name,
        capability=_text_capability(),
        request_id=request_id(),
    )
    return (await client.ask(request, capability_pb2.RegisterCapabilityResponse)).capability.name


def _text_capability() -> capability_pb2.Capability:
    return capability_pb2.Capability(
        modality=capability_pb2.MODALITY_TEXT,
        provider="scripted",
        model="scripted",
        model_tier=capability_pb2.TIER_BUDGET,
        cost_tier=capability_pb2.TIER_BUDGET,
        context_window_tokens=8192,
        tool_calling=capability_pb2.TOOL_CALLING_NATIVE,
    )


def requests_about(own: Belongings) -> list[Message]:
    """A good request for every method of the contract, about these things; none was sent yet."""
    parent, new = own.client.parent, request_id
    account = budget_pb2.Account(kind=budget_pb2.ACCOUNT_KIND_USER, id="ada")
    amounts = [budget_pb2.Quantity(metric=budget_pb2.METRIC_TOKENS, amount=5)]
    need = capability_pb2.Need(modality=capability_pb2.MODALITY_TEXT)
    at = Timestamp(seconds=1_790_000_000)
    return [
        budget_pb2.GateBudgetRequest(parent=parent, amounts=amounts, request_id=new()),
        budget_pb2.SettleBudgetRequest(reservation=own.reservation, uses=amounts, request_id=new()),
        budget_pb2.ReleaseReservationRequest(name=own.reservation, request_id=new()),
        budget_pb2.GetUsageRequest(parent=parent),
        budget_pb2.ListLimitsRequest(parent=parent),
        budget_pb2.SetLimitRequest(
            parent=parent,
            account=account,
            metric=budget_pb2.METRIC_TOKENS,
            limit=10**9,
            request_id=new(),
        ),
        capability_pb2.RegisterCapabilityRequest(
            parent=parent,
            capability_id="another",
            capability=_text_capability(),
            request_id=new(),
        ),
        capability_pb2.ListCapabilitiesRequest(parent=parent),
        capability_pb2.SelectCapabilityRequest(parent=parent, need=need),
        capability_pb2.ExplainSelectionRequest(parent=parent, turn=own.turn),
        capsule_pb2.CreateCapsuleRequest(parent=parent, manifest=own.manifest, request_id=new()),
        capsule_pb2.GetCapsuleRequest(name=own.version),
        capsule_pb2.ListCapsulesRequest(parent=parent),
        capsule_pb2.ActivateCapsuleRequest(name=own.version, request_id=new()),
        capsule_pb2.RevokeCapsuleRequest(name=own.version, request_id=new()),
        conversation_pb2.CreateSessionRequest(
            parent=parent, session=conversation_pb2.Session(capsule=own.capsule), request_id=new()
        ),
        conversation_pb2.GetSessionRequest(name=own.session),
        conversation_pb2.ListSessionsRequest(parent=parent),
        conversation_pb2.DeleteSessionRequest(name=own.session, request_id=new()),
        conversation_pb2.ProcessMessageRequest(session=own.session, text="Hello", request_id=new()),
        conversation_pb2.WatchTurnRequest(name=own.turn),
        conversation_pb2.GetTurnRequest(name=own.turn),
        conversation_pb2.ListTurnsRequest(parent=own.session),
        conversation_pb2.CancelTurnRequest(name=own.paused, request_id=new()),
        conversation_pb2.SubmitFeedbackRequest(
            turn=own.turn, rating=conversation_pb2.RATING_GOOD, request_id=new()
        ),
        conversation_pb2.GetDecisionTraceRequest(name=own.turn),
        memory_pb2.RememberRequest(parent=parent, text="Something.", request_id=new()),
        memory_pb2.RecallRequest(parent=parent, cue=SHIBBOLETH),
        memory_pb2.ForgetRequest(name=own.memory, request_id=new()),
        operations_pb2.GetServerInfoRequest(),
        operations_pb2.ListStuckTurnsRequest(parent=parent),
        *dead_letter_requests(parent, own.dead_letter),
        operations_pb2.GetReconciliationRequest(parent=parent),
        operations_pb2.StopTenantRequest(name=parent, reason="a test", request_id=new()),
        provenance_pb2.RecordProvenanceRequest(
            parent=parent,
            action="export.file",
            outcome=provenance_pb2.OUTCOME_COMPLETED,
            start_time=at,
            end_time=at,
            request_id=new(),
        ),
        provenance_pb2.GetRecordRequest(name=own.record),
        provenance_pb2.ListRecordsRequest(parent=parent),
        provenance_pb2.GetReceiptRequest(name=own.record),
        provenance_pb2.VerifyReceiptRequest(receipts=[own.receipt]),
        tenancy_pb2.CreateTenantRequest(
            tenant_id=fresh_slug(),
            tenant=tenancy_pb2.Tenant(display_name="New", plan=tenancy_pb2.PLAN_FREE),
            request_id=new(),
        ),
        tenancy_pb2.GetTenantRequest(name=parent),
        tenancy_pb2.CreateApiKeyRequest(
            parent=parent,
            api_key=tenancy_pb2.ApiKey(display_name="another", roles=["member"]),
            request_id=new(),
        ),
        tenancy_pb2.RevokeApiKeyRequest(name=own.key, request_id=new()),
        *tool_requests(parent, own.invocation, own.waiting, own.unknown),
    ]


def renamed(request: Message, found: str, put: str) -> Message:
    """The same request with one text in place of another, wherever it stands."""
    other = type(request)()
    other.CopyFrom(request)
    _rename(other, found, put)
    return other


def _rename(message: Message, found: str, put: str) -> None:
    for field, value in message.ListFields():
        if isinstance(field.message_type, type(message.DESCRIPTOR)) and not field.is_repeated:
            _rename(value, found, put)
        elif field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
            setattr(message, field.name, value.replace(found, put))


def name_of(request: Message) -> str:
    """The method that takes a request: `MemoryService/Recall`."""
    method = METHODS_BY_REQUEST[request.DESCRIPTOR.full_name]
    return f"{method.containing_service.name}/{method.name}"
