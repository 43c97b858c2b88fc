"""somagent.operations.v1, from outside."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg import AsyncConnection

from adapters.postgres.database import DatabaseSettings
from application.operations.reconcile import ReconcileCommand
from domain.operations.finding import Scope
from somagent.conversation.v1 import conversation_pb2, conversation_pb2_grpc
from somagent.memory.v1 import memory_pb2, memory_pb2_grpc
from somagent.operations.v1 import operations_pb2 as pb
from somagent.operations.v1 import operations_pb2_grpc as rpc
from somagent.tenancy.v1 import tenancy_pb2
from tests.contract.postgres_server import owner_url
from tests.e2e.refused import reason_of
from tests.e2e.stage import Stage, fresh_id, settings_for, staged
from tests.system.client import PATIENCE_SECONDS
from tests.system.service import until
from tests.upstream.scripted import NOTHING, ScriptedUpstream


async def test_the_server_says_what_it_is_and_how_its_engines_do(stage: Stage) -> None:
    stub = rpc.OperationsServiceStub(stage.channel)

    info = await stub.GetServerInfo(pb.GetServerInfoRequest(), metadata=stage.operator.pairs)

    assert (info.profile, info.mode) == (pb.PROFILE_EMBEDDED, pb.MODE_TEST)
    assert info.version
    assert info.start_time.seconds > 0
    assert {"postgres", "scripted-large"} <= {one.name for one in info.engines}

    async def is_18() -> bool:
        """Each engine is given a second to answer; what does not has no version that time."""
        told = await stub.GetServerInfo(pb.GetServerInfoRequest(), metadata=stage.operator.pairs)
        versions = {one.name: one.version for one in told.engines}
        return versions["postgres"].startswith("18")

    await until(is_18)


async def test_the_service_as_a_whole_is_the_operators_alone(stage: Stage) -> None:
    slug, administrator = await stage.tenant()
    stub = rpc.OperationsServiceStub(stage.channel)

    for refused in (
        stub.GetServerInfo(pb.GetServerInfoRequest(), metadata=administrator.pairs),
        stub.ListStuckTurns(
            pb.ListStuckTurnsRequest(parent="tenants/-"), metadata=administrator.pairs
        ),
        stub.StopTenant(
            pb.StopTenantRequest(name=f"tenants/{slug}", reason="x", request_id=fresh_id()),
            metadata=administrator.pairs,
        ),
    ):
        assert await reason_of(refused) == "PERMISSION_DENIED"


async def test_stuck_turns_are_listed_for_one_tenant_and_for_all(stage: Stage) -> None:
    slug, _ = await stage.tenant()
    stub = rpc.OperationsServiceStub(stage.channel)

    for parent in (f"tenants/{slug}", "tenants/-"):
        answer = await stub.ListStuckTurns(
            pb.ListStuckTurnsRequest(parent=parent), metadata=stage.operator.pairs
        )
        assert not [one for one in answer.stuck_turns if slug in one.turn]


async def test_a_tenant_that_is_not_there_cannot_be_stopped(stage: Stage) -> None:
    refused = await reason_of(
        rpc.OperationsServiceStub(stage.channel).StopTenant(
            pb.StopTenantRequest(
                name="tenants/nobody-is-called-so", reason="x", request_id=fresh_id()
            ),
            metadata=stage.operator.pairs,
        )
    )

    assert refused == "TENANT_NOT_FOUND"


@pytest.fixture
async def unreconciled(
    tmp_path: Path, upstream: ScriptedUpstream, fresh_settings: DatabaseSettings
) -> AsyncGenerator[Stage]:
    """A server that makes one pass of each kind, as it begins, over a database of its own."""
    settings = settings_for(
        tmp_path,
        upstream.base_url,
        SOMAGENT_RECONCILIATION__INTERVAL_SECONDS="86400",
        SOMAGENT_RECONCILIATION__RECENT_SECONDS="86400",
    )
    async with staged(settings, fresh_settings) as opened:
        yield opened


async def reconcile(stage: Stage, *, repair: bool, scope: Scope = Scope.RECENT) -> None:
    """Make a pass; where the server is at one, when that is over."""
    command = ReconcileCommand(
        scope=scope, every=timedelta(0), recent=timedelta(hours=1), repair=repair
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await stage.process.application.reconcile()(command) is None:  # noqa: ASYNC110 - the server may be at one
            await asyncio.sleep(0.05)


async def findings(stage: Stage, parent: str) -> list[pb.Finding]:
    stub = rpc.OperationsServiceStub(stage.channel)
    found, token = list[pb.Finding](), ""
    while True:
        page = await stub.GetReconciliation(
            pb.GetReconciliationRequest(parent=parent, page_size=2, page_token=token),
            metadata=stage.operator.pairs,
        )
        assert {one.scope for one in page.passes} >= {pb.RECONCILIATION_SCOPE_RECENT}
        found += page.findings
        token = page.next_page_token
        if not token:
            return found


async def test_what_a_reconciliation_found_is_shown_until_it_is_over(
    unreconciled: Stage, fresh_settings: DatabaseSettings
) -> None:
    stage = unreconciled
    slug, _ = await stage.tenant()
    other, _ = await stage.tenant()
    # The server makes none for a day from then on: nothing is repaired behind our back.
    for scope in Scope:
        await reconcile(stage, repair=True, scope=scope)
    async with await AsyncConnection.connect(
        owner_url(fresh_settings), autocommit=True
    ) as superuser:
        await superuser.execute(
            "update accounts a set held = 7 from tenant_profiles p "
            "where p.slug = %s and a.tenant_id = p.tenant_id and a.metric in (1, 2, 3)",
            (slug,),
        )

    await reconcile(stage, repair=False)
    shown = await findings(stage, f"tenants/{slug}")
    of_all = [one for one in await findings(stage, "tenants/-") if one.tenant == f"tenants/{slug}"]
    of_other = await findings(stage, f"tenants/{other}")
    await reconcile(stage, repair=True)
    repaired = await findings(stage, f"tenants/{slug}")
    await reconcile(stage, repair=True)
    after = await findings(stage, f"tenants/{slug}")

    assert {one.kind for one in shown} == {pb.FINDING_KIND_HELD_UNEQUAL}
    assert [one.detail for one in shown] == ["held 7, open 0"] * 3
    assert (of_all, of_other) == (shown, [])
    assert [one.repaired for one in repaired] == [True] * 3
    assert after == []


async def test_a_stopped_tenant_is_refused_from_the_answer_on(stage: Stage) -> None:
    slug, administrator = await stage.tenant()
    memory = memory_pb2_grpc.MemoryServiceStub(stage.channel)
    recall = memory_pb2.RecallRequest(parent=f"tenants/{slug}", cue="x")
    await memory.Recall(recall, metadata=administrator.pairs)

    stopped = await rpc.OperationsServiceStub(stage.channel).StopTenant(
        pb.StopTenantRequest(name=f"tenants/{slug}", reason="leaked key", request_id=fresh_id()),
        metadata=stage.operator.pairs,
    )

    assert stopped.tenant.state == tenancy_pb2.TENANT_STATE_STOPPED
    assert (stopped.tenant.state_reason, stopped.cancelled_turns) == ("leaked key", 0)
    refused = await reason_of(memory.Recall(recall, metadata=administrator.pairs))
    assert refused == "TENANT_SUSPENDED"


async def test_stopping_a_tenant_ends_its_open_turns(
    stage: Stage, upstream: ScriptedUpstream
) -> None:
    slug, ada = await stage.tenant()
    capsule = await stage.capsule(slug, ada)
    conversation = conversation_pb2_grpc.ConversationServiceStub(stage.channel)
    opened = await conversation.CreateSession(
        conversation_pb2.CreateSessionRequest(
            parent=f"tenants/{slug}",
            session=conversation_pb2.Session(capsule=capsule),
            request_id=fresh_id(),
        ),
        metadata=ada.pairs,
    )
    upstream.answers(NOTHING)
    events = aiter(
        conversation.ProcessMessage(
            conversation_pb2.ProcessMessageRequest(
                session=opened.session.name, text="Say something.", request_id=fresh_id()
            ),
            metadata=ada.pairs,
        )
    )
    await anext(events)
    await upstream.came.wait()

    stopped = await rpc.OperationsServiceStub(stage.channel).StopTenant(
        pb.StopTenantRequest(name=f"tenants/{slug}", reason="leaked key", request_id=fresh_id()),
        metadata=stage.operator.pairs,
    )
    rest = [answer.event.WhichOneof("event") async for answer in events]

    assert stopped.cancelled_turns == 1
    assert rest[-1] == "cancelled"
    await upstream.last.left.wait()
