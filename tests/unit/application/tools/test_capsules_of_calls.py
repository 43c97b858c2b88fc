"""What let a call be made is looked at again when it starts some time later."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from application.tools.call_holds import call_holds
from application.tools.call_terms import CallTerms
from application.tools.reserve_call import ReserveCall
from domain.budget.account import Account, AccountKind
from domain.budget.reservation import ReservationState
from domain.capsule.capsule import CapsuleState
from domain.kernel.identifiers import KeyId
from domain.kernel.metering import Metric
from domain.tenancy.feature import Feature
from domain.tenancy.tenant import Standing
from domain.tools.events import ToolInvoked
from domain.tools.invocation import InvocationState
from tests.builders import CAPSULE_VERSION, TENANT, principal
from tests.inmemory_application import REQUEST, Server
from tests.inmemory_world import World, manifest
from tests.unit.application.tools.approved import approved_and_left, decisions, ended, waiting
from tests.unit.application.tools.calls import command, shown

KEY = TENANT, CAPSULE_VERSION

OTHER = "01946f00-0000-4000-8000-0000000000ff"
"""Another request id."""


async def test_a_call_keeps_the_version_of_its_capsule(server: Server) -> None:
    terms = CallTerms(capsule="greeter", version=CAPSULE_VERSION)

    ended = (await shown(server, command(terms=terms)))[-1].invocation

    assert ended.capsule_version_id == CAPSULE_VERSION


def stop(shared: World) -> None:
    tenants = shared.tenancy.kept.tenants
    tenants[TENANT] = replace(tenants[TENANT], standing=Standing.STOPPED)


def switch_off(shared: World) -> None:
    shared.switch(Feature.TOOLS, on=False)


def revoke(shared: World) -> None:
    kept = shared.capsules.kept
    kept[KEY] = replace(kept[KEY], state=CapsuleState.REVOKED)


def forbid_the_tool(shared: World) -> None:
    shared.install(manifest(tools={"allow": ["clock"]}))


def let_nothing_out(shared: World) -> None:
    shared.install(manifest(autonomy=1))
    tool, run = shared.tools.known["send"]
    shared.tools.known["send"] = replace(tool, host="mail.example"), run


def ask_for_a_constitution(shared: World) -> None:
    reference = {"reference": "law", "hash": "0" * 64}
    shared.install(manifest(constitution=reference))


def lose_the_capsule(shared: World) -> None:
    del shared.capsules.kept[KEY]


Change = Callable[[World], None]

CHANGES = [
    (stop, "TENANT_SUSPENDED"),
    (switch_off, "FEATURE_DISABLED"),
    (revoke, "CAPSULE_REVOKED"),
    (forbid_the_tool, "TOOL_NOT_FOUND"),
    (let_nothing_out, "TOOL_EGRESS_DENIED"),
    (ask_for_a_constitution, "CONSTITUTION_UNAVAILABLE"),
    (lose_the_capsule, "CAPSULE_NOT_FOUND"),
]


@pytest.mark.parametrize(("change", "reason"), CHANGES)
async def test_a_call_that_may_not_start_any_more_is_denied_once_by_the_sweep(
    shared: World, server: Server, change: Change, reason: str
) -> None:
    call = await approved_and_left(server)
    change(shared)

    assert [await server.tend_approvals(9) for _ in range(2)] == [1, 0]

    read = await shared.invocations.invocation(TENANT, call.id)
    assert (read.state, read.reason) == (InvocationState.DENIED, reason)
    assert (read.decided_by, read.finished_at) == ("grace", shared.clock.now())
    told = [one.event for one in shared.store.outbox[TENANT, TENANT]]
    assert [one.state for one in told if isinstance(one, ToolInvoked)] == [InvocationState.DENIED]
    assert decisions(shared) == [(InvocationState.PERMITTED, "grace")]
    assert shared.tools.runs == []
    assert shared.held(Metric.TOOL_CALLS) == 0


async def test_an_approval_starts_nothing_under_a_capsule_that_was_revoked_meanwhile(
    shared: World, server: Server
) -> None:
    call = await waiting(server)
    revoke(shared)

    told = [await server.decided(call.id, approved=True) for _ in range(2)]

    assert {(one.state, one.reason) for one in told} == {
        (InvocationState.DENIED, "CAPSULE_REVOKED")
    }
    assert decisions(shared) == [(InvocationState.PERMITTED, "grace")]
    assert shared.tools.runs == []


async def test_a_call_of_before_capsules_were_kept_is_denied(shared: World, server: Server) -> None:
    call = await approved_and_left(server, version=None)

    assert await server.tend_approvals(9) == 1

    read = await shared.invocations.invocation(TENANT, call.id)
    assert (read.state, read.reason) == (InvocationState.DENIED, "CAPSULE_NOT_FOUND")


async def test_a_call_goes_on_under_a_version_that_is_active_no_more(
    shared: World, server: Server
) -> None:
    call = await approved_and_left(server)
    kept = shared.capsules.kept
    kept[KEY] = kept[KEY].retire()

    assert await server.tend_approvals(9) == 1

    assert (await ended(server, call)).state is InvocationState.SUCCEEDED


async def test_what_a_lost_server_had_reserved_for_a_denied_call_is_given_back(
    shared: World, server: Server
) -> None:
    call = await approved_and_left(server)
    reserve = ReserveCall(budgets=shared.budgets, identifiers=shared.identifiers)
    await reserve(TENANT, f"invocation:{call.id}", call.digest, call_holds(principal()))
    held = shared.held(Metric.TOOL_CALLS)
    revoke(shared)

    await server.tend_approvals(9)

    assert (held, shared.held(Metric.TOOL_CALLS)) == (1, 0)
    states = {one.reservation.state for one in shared.store.reservations.values()}
    assert states == {ReservationState.RELEASED}


@pytest.mark.parametrize("kind", [AccountKind.CAPSULE, AccountKind.KEY])
async def test_the_accounts_of_its_capsule_and_key_bear_a_call_that_was_approved(
    shared: World, server: Server, kind: AccountKind
) -> None:
    key_id = KeyId(shared.identifiers.next())
    account = Account(kind, "greeter" if kind is AccountKind.CAPSULE else str(key_id))
    shared.store.limits[TENANT, account, Metric.TOOL_CALLS] = 1
    asker = replace(principal(roles=("service",)), key_id=key_id)
    calls = [
        await approved_and_left(server, request_id, asked_by=asker)
        for request_id in (REQUEST, OTHER)
    ]

    assert await server.tend_approvals(9) == 1

    states = {(await ended(server, one)).state for one in calls}
    assert states == {InvocationState.SUCCEEDED, InvocationState.PERMITTED}
    (used,) = await shared.budgets.usage(TENANT, account.id_in(TENANT), None)
    assert (used.balance.spent, used.balance.held) == (1, 0)
