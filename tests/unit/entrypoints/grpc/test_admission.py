"""What a call passes before its use case, seen from a client."""

import asyncio
from dataclasses import replace
from uuid import UUID

import grpc
import pytest
from google.protobuf.message import Message

from domain.budget.errors import BudgetExhaustedError
from domain.kernel.identifiers import TenantId
from domain.tenancy.tenant import Standing
from somagent.memory.v1 import memory_pb2 as pb
from tests.builders import TENANT
from tests.unit.entrypoints.grpc.rig import (
    REQUEST,
    TRACE,
    Rig,
    call,
    reason_in,
    serving,
    status_in,
)

RECALL = pb.RecallRequest(parent="tenants/acme", cue="green house")


async def refused(
    rig: Rig, request: Message = RECALL, *, key: str = "", method: str = "Recall"
) -> grpc.aio.AioRpcError:
    async with (
        serving(rig) as (_, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(channel, request, key=key or rig.member, method=method)
        return error.value


async def test_an_admitted_call_knows_its_caller() -> None:
    rig = Rig()
    async with (
        serving(rig) as (memories, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        await call(channel, RECALL, key=rig.member, timeout=20, headers=(("traceparent", TRACE),))

    (caller,) = memories.callers
    assert (caller.tenant_id, caller.tenant, caller.principal.subject) == (TENANT, "acme", "ada")
    assert caller.permit.rule == "role:member"
    assert caller.seconds is not None
    # A deadline travels in few digits, rounded up.
    assert 0 < caller.seconds < 30
    assert caller.traceparent == TRACE
    (told,) = rig.told.calls
    assert (told.method, told.code) == ("somagent.memory.v1.MemoryService/Recall", "OK")
    assert (told.tenant, told.subject, told.reason) == ("acme", "ada", "")


async def test_a_call_without_a_deadline_says_so() -> None:
    rig = Rig()
    async with (
        serving(rig) as (memories, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        await call(channel, RECALL, key=rig.member)

    assert memories.callers[0].seconds is None


async def test_an_api_key_may_come_in_a_header_of_its_own() -> None:
    rig = Rig()
    async with (
        serving(rig) as (memories, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        await call(channel, RECALL, headers=(("x-api-key", rig.member),))

    assert memories.callers[0].principal.tenant == "acme"


@pytest.mark.parametrize("key", ["sk_wrong", "a.b.c"])
async def test_an_unknown_credential_is_refused(key: str) -> None:
    error = await refused(Rig(), key=key)

    assert (error.code(), reason_in(error)) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


async def test_two_credentials_in_one_call_are_none() -> None:
    rig = Rig()
    async with (
        serving(rig) as (_, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(
                channel, RECALL, key=rig.member, headers=(("authorization", "Bearer sk_other"),)
            )

    assert reason_in(error.value) == "UNAUTHENTICATED"


async def test_nobody_is_validated_before_he_is_known() -> None:
    error = await refused(Rig(), pb.RecallRequest(parent="bad"), key="sk_wrong")

    assert reason_in(error) == "UNAUTHENTICATED"


async def test_a_malformed_request_is_told_field_by_field() -> None:
    error = await refused(Rig(), pb.RecallRequest(parent="tenants/ACME", limit=99))

    assert (error.code(), reason_in(error)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_ARGUMENT",
    )
    assert "parent" in str(error.details())
    assert "cue" in str(error.details())
    assert len(status_in(error).details) == 2


async def test_bytes_that_are_no_message_are_refused_in_words() -> None:
    rig = Rig()
    async with (
        serving(rig) as (_, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub = channel.unary_unary(
            "/somagent.memory.v1.MemoryService/Recall",
            request_serializer=bytes,
            response_deserializer=bytes,
        )
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stub(b"\xff\xff\xff", metadata=(("x-api-key", rig.member),))

    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_in(error.value) == "INVALID_ARGUMENT"


async def test_who_lacks_the_permission_is_refused() -> None:
    rig = Rig()
    auditor = rig.ring.key(TENANT, "acme", "auditor")

    error = await refused(
        rig,
        pb.RememberRequest(parent="tenants/acme", text="x", request_id=REQUEST),
        key=auditor,
        method="Remember",
    )

    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    assert reason_in(error) == "PERMISSION_DENIED"


@pytest.mark.parametrize("tenant", ["globex", "nobody-has-this-name"])
async def test_another_tenant_is_not_there_whether_it_exists_or_not(tenant: str) -> None:
    rig = Rig()
    rig.ring.key(TenantId(UUID(int=7)), "globex", "administrator")

    error = await refused(rig, pb.RecallRequest(parent=f"tenants/{tenant}", cue="x"))

    assert (error.code(), reason_in(error)) == (grpc.StatusCode.NOT_FOUND, "TENANT_NOT_FOUND")


async def test_a_foreign_name_beside_an_own_one_is_not_there_either() -> None:
    session = f"tenants/globex/sessions/{REQUEST}"

    error = await refused(Rig(), pb.RecallRequest(parent="tenants/acme", cue="x", session=session))

    assert reason_in(error) == "SESSION_NOT_FOUND"


async def test_a_name_that_only_begins_like_the_own_one_is_foreign() -> None:
    error = await refused(Rig(), pb.RecallRequest(parent="tenants/acme-two", cue="x"))

    assert reason_in(error) == "TENANT_NOT_FOUND"


async def test_an_operator_is_refused_by_its_role_where_it_has_no_permission() -> None:
    rig = Rig()

    error = await refused(rig, key=rig.operator)

    assert reason_in(error) == "PERMISSION_DENIED"


async def test_a_suspended_tenant_is_refused() -> None:
    rig = Rig()
    ((key_id, holder), *_) = rig.ring.holders.items()
    tenant = holder.tenant.stand(Standing.SUSPENDED, "unpaid")
    rig.ring.holders[key_id] = replace(holder, tenant=tenant)

    error = await refused(rig)

    assert (error.code(), reason_in(error)) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "TENANT_SUSPENDED",
    )


async def test_a_draining_server_begins_nothing() -> None:
    rig = Rig()
    rig.admission.drain()

    error = await refused(rig)

    assert (error.code(), reason_in(error)) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
    assert len(status_in(error).details) == 2


async def test_a_refusal_of_the_use_case_is_answered_with_its_own_status() -> None:
    rig = Rig()
    async with (
        serving(rig) as (memories, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        memories.error = BudgetExhaustedError("tokens", account="t", asked=9, remaining=3)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(channel, RECALL, key=rig.member)

    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason_in(error.value) == "BUDGET_EXHAUSTED"
    assert rig.told.calls[0].reason == "BUDGET_EXHAUSTED"
    assert rig.told.calls[0].defect is None


async def test_a_defect_shows_nothing_of_itself_but_where_to_find_it() -> None:
    rig = Rig()
    defect = RuntimeError("password=hunter2")
    async with (
        serving(rig) as (memories, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        memories.error = defect
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(channel, RECALL, key=rig.member, headers=(("traceparent", TRACE),))

    assert error.value.code() is grpc.StatusCode.INTERNAL
    assert reason_in(error.value) == "INTERNAL"
    assert "hunter2" not in str(error.value.details())
    assert TRACE.split("-")[1] in str(error.value.details())
    assert rig.told.calls[0].defect is defect


async def test_a_caller_that_goes_away_is_counted_as_such() -> None:
    rig = Rig()
    entered = asyncio.Event()

    async def wait() -> None:
        entered.set()
        await asyncio.Event().wait()

    async with (
        serving(rig) as (memories, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        memories.before = wait
        task = asyncio.create_task(call(channel, RECALL, key=rig.member))
        await entered.wait()
        task.cancel()
        await rig.told.heard.wait()

    assert rig.admission.in_flight == 0
    assert [told.code for told in rig.told.calls] == ["CANCELLED"]
