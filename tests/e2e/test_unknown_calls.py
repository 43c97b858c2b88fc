"""Calls of which nobody knows what became: listed, and resolved once by who may."""

from adapters.postgres.database import DatabaseSettings
from somagent.events.v1 import events_pb2
from somagent.tools.v1 import tools_pb2 as pb
from somagent.tools.v1 import tools_pb2_grpc as rpc
from tests.e2e.outbox import published
from tests.e2e.refused import reason_of
from tests.e2e.stage import Metadata, Stage, fresh_id


async def unknown(stage: Stage, caller: Metadata, slug: str) -> list[str]:
    answer = await rpc.ToolServiceStub(stage.channel).ListInvocations(
        pb.ListInvocationsRequest(parent=f"tenants/{slug}", state=pb.INVOCATION_STATE_UNKNOWN),
        metadata=caller.pairs,
    )
    return [one.name for one in answer.invocations]


def finding(
    name: str,
    outcome: "pb.InvocationOutcome.ValueType" = pb.INVOCATION_OUTCOME_SUCCEEDED,
    note: str = "the provider shows it",
) -> pb.ResolveInvocationRequest:
    content = '{"id":7}' if outcome == pb.INVOCATION_OUTCOME_SUCCEEDED else ""
    return pb.ResolveInvocationRequest(
        name=name, outcome=outcome, content=content, note=note, request_id=fresh_id()
    )


async def resolve(
    stage: Stage, caller: Metadata, request: pb.ResolveInvocationRequest
) -> pb.Invocation:
    stub = rpc.ToolServiceStub(stage.channel)
    return (await stub.ResolveInvocation(request, metadata=caller.pairs)).invocation


async def test_an_unknown_call_is_listed_until_somebody_says_what_became_of_it(
    stage: Stage,
) -> None:
    slug, ada = await stage.tenant()
    name = await stage.unknown_call(slug)
    assert await unknown(stage, ada, slug) == [name]

    resolved = await resolve(stage, ada, finding(name))

    assert (resolved.state, resolved.content) == (pb.INVOCATION_STATE_SUCCEEDED, '{"id":7}')
    assert (resolved.resolver, resolved.note) == ("ada", "the provider shows it")
    assert await unknown(stage, ada, slug) == []


async def test_a_call_that_did_nothing_has_failed(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    name = await stage.unknown_call(slug)

    resolved = await resolve(stage, ada, finding(name, pb.INVOCATION_OUTCOME_FAILED))

    assert (resolved.state, resolved.reason) == (pb.INVOCATION_STATE_FAILED, "TOOL_FAILED")


async def test_what_was_said_is_not_unsaid(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    name = await stage.unknown_call(slug)
    first = await resolve(stage, ada, finding(name))

    assert await resolve(stage, ada, finding(name)) == first
    other = resolve(stage, ada, finding(name, pb.INVOCATION_OUTCOME_FAILED))
    assert await reason_of(other) == "INVOCATION_ALREADY_DECIDED"
    noted = resolve(stage, ada, finding(name, note="or so I think"))
    assert await reason_of(noted) == "INVOCATION_ALREADY_DECIDED"


async def test_operators_resolve_calls_of_every_tenant_and_members_none(stage: Stage) -> None:
    slug, _ = await stage.tenant()
    name = await stage.unknown_call(slug)
    member = await stage.key(slug, "member", "developer", "service")

    assert await reason_of(resolve(stage, member, finding(name))) == "PERMISSION_DENIED"
    assert (await resolve(stage, stage.operator, finding(name))).name == name


async def test_a_resolution_is_published_with_who_made_it(
    stage: Stage, database_settings: DatabaseSettings
) -> None:
    slug, ada = await stage.tenant()
    name = await stage.unknown_call(slug)

    await resolve(stage, ada, finding(name))

    told = await published(database_settings, slug)
    (invoked,) = map(events_pb2.ToolInvoked.FromString, told["tool.invoked"])
    assert (invoked.invocation, invoked.state) == (name, pb.INVOCATION_STATE_SUCCEEDED)
    *_, audited = map(events_pb2.AuditRecorded.FromString, told["audit.recorded"])
    assert (audited.action, audited.subject, audited.resource) == ("tools:resolve", "ada", name)
    assert audited.allowed
