"""Every mutation by its request id: once more gives the first answer, for other content nothing."""

from collections.abc import Callable
from typing import Final

from google.protobuf.message import Message

from somagent.budget.v1 import budget_pb2
from somagent.capability.v1 import capability_pb2
from somagent.capsule.v1 import capsule_pb2
from somagent.conversation.v1 import conversation_pb2
from somagent.memory.v1 import memory_pb2
from somagent.operations.v1 import operations_pb2
from somagent.provenance.v1 import provenance_pb2
from somagent.tenancy.v1 import tenancy_pb2
from somagent.tools.v1 import tools_pb2
from tests.e2e.belongings import Belongings, belongings, name_of, renamed, requests_about, things
from tests.e2e.stage import Stage
from tests.system.client import Client, RefusedError, request_id
from tests.upstream.scripted import ScriptedUpstream

OF_OPERATORS: Final = (tenancy_pb2.CreateTenantRequest, operations_pb2.StopTenantRequest)
LAST: Final = (
    capsule_pb2.RevokeCapsuleRequest,
    conversation_pb2.DeleteSessionRequest,
    operations_pb2.StopTenantRequest,
)
"""What takes something away that others need, in this order."""

ALTERNATIVES: Final = (
    budget_pb2.ReleaseReservationRequest,
    conversation_pb2.CancelTurnRequest,
    tools_pb2.RejectInvocationRequest,
)
"""What is done to a thing of its own: another way to end the first one was taken."""

Change = Callable[[Message], None]


def _set(**values: object) -> Change:
    def change(request: Message) -> None:
        for name, value in values.items():
            setattr(request, name, value)

    return change


def _amount(request: Message) -> None:
    if isinstance(request, budget_pb2.GateBudgetRequest):
        request.amounts[0].amount += 1
    if isinstance(request, budget_pb2.SettleBudgetRequest):
        request.uses[0].amount += 1


def _inner(request: Message) -> None:
    if isinstance(request, conversation_pb2.CreateSessionRequest):
        request.session.max_waiting = 3
    if isinstance(request, tenancy_pb2.CreateTenantRequest):
        request.tenant.display_name = "Other"
    if isinstance(request, tenancy_pb2.CreateApiKeyRequest):
        request.api_key.display_name = "other"


CHANGES: Final[dict[type[Message], Change]] = {
    budget_pb2.GateBudgetRequest: _amount,
    budget_pb2.SettleBudgetRequest: _amount,
    budget_pb2.SetLimitRequest: _set(limit=10**9 + 1),
    capability_pb2.RegisterCapabilityRequest: _set(capability_id="a-third"),
    conversation_pb2.CreateSessionRequest: _inner,
    conversation_pb2.ProcessMessageRequest: _set(text="Goodbye"),
    conversation_pb2.SubmitFeedbackRequest: _set(comment="indeed"),
    memory_pb2.RememberRequest: _set(text="Something else."),
    operations_pb2.StopTenantRequest: _set(reason="another"),
    operations_pb2.DiscardDeadLettersRequest: _set(note="another"),
    operations_pb2.ReplayDeadLettersRequest: _set(target=operations_pb2.REPLAY_TARGET_TOPIC),
    operations_pb2.ReplayEventsRequest: _set(type="turn.failed"),
    provenance_pb2.RecordProvenanceRequest: _set(action="export.other"),
    tenancy_pb2.CreateTenantRequest: _inner,
    tenancy_pb2.CreateApiKeyRequest: _inner,
    tools_pb2.ExecuteToolRequest: _set(arguments='{"expression": "3 + 3"}'),
}
"""What makes other content of a request; what is about a thing is sent about another one."""


def other_content(
    request: Message, own: Belongings, spare: Belongings, third: Belongings
) -> Message:
    """A request with the same id and other content."""
    other = type(request)()
    other.CopyFrom(request)
    if change := CHANGES.get(type(request)):
        change(other)
        return other
    here, there = own.own_names, spare.own_names
    if isinstance(request, ALTERNATIVES):
        here, there = (*spare.own_names, *third.own_names), (*own.own_names, *own.own_names)
    for one, another in zip(here, there, strict=True):
        other = renamed(other, one, another)
    if isinstance(other, capsule_pb2.CreateCapsuleRequest):
        other.manifest = spare.manifest
    if isinstance(other, capsule_pb2.ActivateCapsuleRequest | capsule_pb2.RevokeCapsuleRequest):
        other.name = other.name.replace("1.0.0", "1.1.0")
    assert other != request, name_of(request)
    return other


async def answer_of(client: Client, request: Message) -> list[Message]:
    """The answers; the secret of a key is told once, and a read's time moves on."""
    answers = await client.answers(request)
    for one in answers:
        if isinstance(one, tenancy_pb2.CreateApiKeyResponse):
            one.secret = ""
    return answers


async def test_a_mutation_is_done_once_and_its_id_stands_for_one_content(
    stage: Stage, upstream: ScriptedUpstream
) -> None:
    own = await belongings(stage, upstream)
    spare = await things(stage, upstream, own.client, own.capsule, "spare", "1.2.0")
    third = await things(stage, upstream, own.client, own.capsule, "third", "1.3.0")
    operator = Client(stage.channel, "platform", stage.operator.key)
    mutations = [
        one
        for one in requests_about(own)
        if "request_id" in one.DESCRIPTOR.fields_by_name and not isinstance(one, ALTERNATIVES)
    ]
    mutations += [
        budget_pb2.ReleaseReservationRequest(name=spare.reservation, request_id=request_id()),
        tools_pb2.RejectInvocationRequest(name=spare.waiting, request_id=request_id()),
        conversation_pb2.CancelTurnRequest(name=third.paused, request_id=request_id()),
    ]
    mutations.sort(key=lambda one: LAST.index(type(one)) if isinstance(one, LAST) else -1)
    wrong: list[str] = []
    for request in mutations:
        client = operator if isinstance(request, OF_OPERATORS) else own.client
        try:
            first = await answer_of(client, request)
            again = await answer_of(client, request)
        except RefusedError as refused:
            wrong.append(f"{name_of(request)}: {refused}")
            continue
        if again != first:
            wrong.append(f"{name_of(request)}: answers otherwise: {first} {again}")
        try:
            await client.answers(other_content(request, own, spare, third))
        except RefusedError as refused:
            if refused.reason != "IDEMPOTENCY_KEY_REUSED":
                wrong.append(f"{name_of(request)}: other content: {refused}")
        else:
            wrong.append(f"{name_of(request)}: takes other content")

    assert not wrong, "\n".join(wrong)
