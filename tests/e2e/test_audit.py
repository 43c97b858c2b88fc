"""What administrators do is published with what it does: once, with who did it to what."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from adapters.postgres.database import DatabaseSettings
from domain.tenancy.tenant import PLATFORM_SLUG
from somagent.budget.v1 import budget_pb2, budget_pb2_grpc
from somagent.capsule.v1 import capsule_pb2, capsule_pb2_grpc
from somagent.events.v1 import events_pb2
from somagent.operations.v1 import operations_pb2, operations_pb2_grpc
from somagent.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from somagent.tools.v1 import tools_pb2, tools_pb2_grpc
from tests.e2e.outbox import published
from tests.e2e.stage import Metadata, Stage, fresh_id


def deeds(told: Mapping[str, list[bytes]], about: str) -> Sequence[tuple[str, str]]:
    """What was done to a resource, and by whom."""
    audits = map(events_pb2.AuditRecorded.FromString, told.get("audit.recorded", []))
    return [(one.action, one.subject) for one in audits if one.resource == about and one.allowed]


async def twice(call: Callable[[], Awaitable[object]]) -> None:
    """Ask as a client does whose first answer was lost."""
    await call()
    await call()


async def test_the_making_of_a_tenant_and_its_keys_is_audited(
    stage: Stage, database_settings: DatabaseSettings
) -> None:
    slug, ada = await stage.tenant()
    stub = tenancy_pb2_grpc.TenancyServiceStub(stage.channel)
    asked = tenancy_pb2.CreateApiKeyRequest(
        parent=f"tenants/{slug}",
        api_key=tenancy_pb2.ApiKey(display_name="another", roles=["member"]),
        request_id=fresh_id(),
    )
    await twice(lambda: stub.CreateApiKey(asked, metadata=ada.pairs))
    key = (await stub.CreateApiKey(asked, metadata=ada.pairs)).api_key.name
    revoke = tenancy_pb2.RevokeApiKeyRequest(name=key, request_id=fresh_id())
    await twice(lambda: stub.RevokeApiKey(revoke, metadata=ada.pairs))

    own = await published(database_settings, slug)
    assert deeds(own, key) == [("tenancy:manage_keys", "ada")] * 2
    of_platform = await published(database_settings, PLATFORM_SLUG)
    ((action, _),) = deeds(of_platform, f"tenants/{slug}")
    assert action == "tenancy:create_tenant"


async def test_a_limit_and_a_stop_are_audited(
    stage: Stage, database_settings: DatabaseSettings
) -> None:
    slug, ada = await stage.tenant()
    limit = budget_pb2.SetLimitRequest(
        parent=f"tenants/{slug}",
        account=budget_pb2.Account(kind=budget_pb2.ACCOUNT_KIND_TENANT, id=slug),
        metric=budget_pb2.METRIC_TOKENS,
        limit=7,
        request_id=fresh_id(),
    )
    budgets = budget_pb2_grpc.BudgetServiceStub(stage.channel)
    await twice(lambda: budgets.SetLimit(limit, metadata=ada.pairs))
    stop = operations_pb2.StopTenantRequest(
        name=f"tenants/{slug}", reason="a test", request_id=fresh_id()
    )
    operations = operations_pb2_grpc.OperationsServiceStub(stage.channel)
    await twice(lambda: operations.StopTenant(stop, metadata=stage.operator.pairs))

    told = await published(database_settings, slug)
    actions = [action for action, _ in deeds(told, f"tenants/{slug}")]
    assert actions == ["budget:set_limit", "operations:stop"]


async def test_an_activation_says_which_version_gave_way(
    stage: Stage, database_settings: DatabaseSettings
) -> None:
    slug, ada = await stage.tenant()
    name = await stage.capsule(slug, ada)
    stub = capsule_pb2_grpc.CapsuleServiceStub(stage.channel)
    created = await stub.CreateCapsule(
        capsule_pb2.CreateCapsuleRequest(
            parent=f"tenants/{slug}",
            manifest=await stage.signed(version="1.1.0"),
            request_id=fresh_id(),
        ),
        metadata=ada.pairs,
    )
    asked = capsule_pb2.ActivateCapsuleRequest(name=created.capsule.name, request_id=fresh_id())
    await twice(lambda: stub.ActivateCapsule(asked, metadata=ada.pairs))

    told = await published(database_settings, slug)
    first, second = map(events_pb2.CapsuleActivated.FromString, told["capsule.activated"])
    assert (first.capsule_version, first.previous_version) == (f"{name}/versions/1.0.0", "")
    assert second.capsule_version == f"{name}/versions/1.1.0"
    assert second.previous_version == first.capsule_version
    assert (second.hash, second.subject) == (created.capsule.hash, "ada")
    assert deeds(told, second.capsule_version) == [("capsule:activate", "ada")]


async def test_a_withdrawn_version_is_told_of_once(
    stage: Stage, database_settings: DatabaseSettings
) -> None:
    slug, ada = await stage.tenant()
    version = f"{await stage.capsule(slug, ada)}/versions/1.0.0"
    stub = capsule_pb2_grpc.CapsuleServiceStub(stage.channel)
    for asked in (
        capsule_pb2.RevokeCapsuleRequest(name=version, request_id=fresh_id()),
        capsule_pb2.RevokeCapsuleRequest(name=version, request_id=fresh_id()),
    ):
        await twice(partial(stub.RevokeCapsule, asked, metadata=ada.pairs))

    told = await published(database_settings, slug)
    assert deeds(told, version) == [("capsule:activate", "ada"), ("capsule:revoke", "ada")]


async def waiting(stage: Stage, slug: str, caller: Metadata, capsule: str) -> str:
    """A call that waits for a person; gives its name."""
    asked = tools_pb2.ExecuteToolRequest(
        parent=f"tenants/{slug}",
        tool="arithmetic",
        arguments='{"expression":"6 * 7"}',
        capsule=capsule,
        request_id=fresh_id(),
    )
    stub = tools_pb2_grpc.ToolServiceStub(stage.channel)
    accepted, *_ = [one async for one in stub.ExecuteTool(asked, metadata=caller.pairs)]
    return accepted.event.accepted.invocation


async def test_what_a_person_decides_about_a_call_is_audited(
    stage: Stage, database_settings: DatabaseSettings
) -> None:
    slug, ada = await stage.tenant()
    capsule = await stage.capsule(slug, ada, autonomy=1)
    yes, no = [await waiting(stage, slug, ada, capsule) for _ in range(2)]
    stub = tools_pb2_grpc.ToolServiceStub(stage.channel)
    approve = tools_pb2.ApproveInvocationRequest(name=yes, request_id=fresh_id())
    await twice(lambda: stub.ApproveInvocation(approve, metadata=ada.pairs))
    reject = tools_pb2.RejectInvocationRequest(name=no, request_id=fresh_id())
    await twice(lambda: stub.RejectInvocation(reject, metadata=ada.pairs))

    told = await published(database_settings, slug)
    assert deeds(told, yes) == [("tools:approve", "ada")]
    assert deeds(told, no) == [("tools:reject", "ada")]
    assert len(told["approval.requested"]) == len(told["approval.decided"]) == 2


async def test_a_denial_that_is_told_again_says_why_again(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    capsule = await stage.capsule(slug, ada, autonomy=1)
    name = await waiting(stage, slug, ada, capsule)
    withdrawn = capsule_pb2.RevokeCapsuleRequest(
        name=f"{capsule}/versions/1.0.0", request_id=fresh_id()
    )
    await capsule_pb2_grpc.CapsuleServiceStub(stage.channel).RevokeCapsule(
        withdrawn, metadata=ada.pairs
    )
    stub = tools_pb2_grpc.ToolServiceStub(stage.channel)
    asked = tools_pb2.ApproveInvocationRequest(name=name, request_id=fresh_id())

    first = (await stub.ApproveInvocation(asked, metadata=ada.pairs)).invocation
    again = (await stub.ApproveInvocation(asked, metadata=ada.pairs)).invocation

    assert (first.state, first.reason) == (tools_pb2.INVOCATION_STATE_DENIED, "CAPSULE_REVOKED")
    assert first.HasField("end_time")
    assert again == first


async def test_what_a_client_settles_is_billed_as_it_is_in_the_ledger(
    stage: Stage, database_settings: DatabaseSettings
) -> None:
    slug, ada = await stage.tenant()
    stub = budget_pb2_grpc.BudgetServiceStub(stage.channel)
    held = await stub.GateBudget(
        budget_pb2.GateBudgetRequest(
            parent=f"tenants/{slug}",
            amounts=[budget_pb2.Quantity(metric=budget_pb2.METRIC_TOKENS, amount=100)],
            request_id=fresh_id(),
        ),
        metadata=ada.pairs,
    )
    asked = budget_pb2.SettleBudgetRequest(
        reservation=held.reservation.name,
        uses=[budget_pb2.Quantity(metric=budget_pb2.METRIC_TOKENS, amount=40)],
        request_id=fresh_id(),
    )
    await twice(lambda: stub.SettleBudget(asked, metadata=ada.pairs))

    told = await published(database_settings, slug)
    (recorded,) = map(events_pb2.UsageRecorded.FromString, told["usage.recorded"])
    (line,) = recorded.lines
    assert (recorded.turn, recorded.subject) == ("", "ada")
    assert (line.quantity.amount, line.cost_micro_usd) == (40, 4000)
