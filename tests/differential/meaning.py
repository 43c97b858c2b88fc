"""What generated steps mean: calls of ports, with the same commands for every kernel."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import singledispatch
from typing import Final, TypeAlias

from application.budget.ports import Limit
from application.conversation.ports.leases import Driven, EventBatch, Renewal
from application.tools.ports import Outcome
from domain.budget.account import Account, AccountKind
from domain.conversation.turn import Turn, TurnState
from domain.tools.invocation import InvocationState
from tests.contract.commands import shown
from tests.contract.kernel import Kernel, Server
from tests.differential import steps as do
from tests.differential.turn_commands import accept, extend, finish
from tests.differential.world import METRICS, USERS, World, holds_of, uses_of

Call: TypeAlias = Callable[[Kernel], Awaitable[object]]
"""A step as it is done to one kernel; it may be done again."""

LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)
EVERYTHING: Final = 1000


def servers(kernel: Kernel) -> tuple[Server, Server]:
    return kernel.one, kernel.other


@singledispatch
def meaning(step: do.Step, world: World) -> Call:
    """The step as something to be done to a kernel."""
    raise TypeError((step, world))


@meaning.register
def _(step: do.Accept, world: World) -> Call:
    command = accept(step, world)
    return lambda kernel: servers(kernel)[step.server].journal.accept(command)


@meaning.register
def _(step: do.Extend, world: World) -> Call:
    command = extend(step, world)
    return lambda kernel: kernel.one.journal.extend(command)


@meaning.register
def _(step: do.Finish, world: World) -> Call:
    command = finish(step, world)
    return lambda kernel: kernel.one.journal.finish(command)


@meaning.register
def _(step: do.Pause, world: World) -> Call:
    ask, turn_id, row = world.turn(step.turn, TurnState.RUNNING)
    expires_at = LONG_AGO if step.overdue else None
    waiting = [
        replace(call, expires_at=expires_at)
        for call in world.new_calls(ask, turn_id, step.waiting, InvocationState.PENDING_APPROVAL)
    ]
    command = ask.pause(
        turn_id,
        *uses_of(step.uses),
        fence=max(0, row.fence + step.fence),
        events=shown(row.written + 1),
        waiting=waiting,
    )
    return lambda kernel: kernel.one.journal.pause(command)


@meaning.register
def _(step: do.Resume, world: World) -> Call:
    ask, turn_id, row = world.turn(step.turn, TurnState.PAUSED)
    fence = max(0, row.fence + step.fence)
    command = ask.resume(turn_id, *holds_of(ask, step.holds), fence=fence)
    return lambda kernel: servers(kernel)[step.server].journal.resume(command)


@meaning.register
def _(step: do.TakeOn, world: World) -> Call:
    ask, turn_id, row = world.turn(step.turn, TurnState.RUNNING)
    command = ask.take_on(
        turn_id,
        *holds_of(ask, step.holds),
        uses=uses_of(step.uses),
        fence=max(0, row.fence + step.fence),
        step=step.step,
        void=None if step.step else (row.written + 1, max(row.written + 1, row.ceiling - 1000)),
        progressed=step.progressed,
    )
    return lambda kernel: servers(kernel)[step.server].journal.take_on(command)


@meaning.register
def _(step: do.Decide, world: World) -> Call:
    ask, call_id = world.call(step.call, InvocationState.PENDING_APPROVAL)
    event, expired = ask.fact(), ask.fact()
    return lambda kernel: kernel.effects.decide(
        ask.tenant_id, call_id, approved=step.approved, by="eve", events=[event], expired=expired
    )


@meaning.register
def _(step: do.Outcome, world: World) -> Call:
    ask, call_id = world.call(step.call, InvocationState.STARTED)
    facts = world.facts_of(ask)
    call = facts.invocations.get(call_id)
    turn = facts.turns.get(call.turn_id) if call and call.turn_id else None
    outcome = Outcome(
        tenant_id=ask.tenant_id,
        invocation_id=call_id,
        fence=max(0, step.fence + (turn.fence if turn else call.fence if call else 0)),
        state=step.state,
        result="result",
        reason="reason",
    )
    return lambda kernel: kernel.effects.finish(outcome)


@meaning.register
def _(step: do.Begin, world: World) -> Call:
    ask = world.seats[step.tenant][0]
    (call,) = world.new_calls(ask, None, 1, step.state)
    digest = b"other" if step.digest else b"content"
    return lambda kernel: kernel.effects.begin(call, f"request {step.request}", digest)


@meaning.register
def _(step: do.Start, world: World) -> Call:
    ask, call_id = world.call(step.call, InvocationState.PERMITTED)
    start_id = ask.start()
    return lambda kernel: kernel.effects.start(ask.tenant_id, call_id, start_id)


@meaning.register
def _(step: do.SetLimit, world: World) -> Call:
    ask = world.seats[step.tenant][0]
    user = USERS[step.account]
    account = ask.account if user is None else Account(AccountKind.USER, user)
    limit = Limit(account, METRICS[step.metric], step.amount)
    request = ask.request()
    return lambda kernel: kernel.budgets.set_limit(ask.tenant_id, limit, etag="", request=request)


@meaning.register
def _(step: do.Expire, world: World) -> Call:
    tenant_id = world.seats[step.tenant][0].tenant_id

    async def sweep(kernel: Kernel) -> object:
        await kernel.administrator.expire_leases(tenant_id)
        await kernel.administrator.expire_reservations(tenant_id)
        return (
            await servers(kernel)[step.server].leases.take_over(EVERYTHING),
            await kernel.budgets.release_expired(EVERYTHING),
            sorted(
                (one.invocation.id, one.fence) for one in await kernel.effects.take_over(EVERYTHING)
            ),
        )

    return sweep


@meaning.register
def _(step: do.Renew, world: World) -> Call:
    ask, turn_id, row = world.turn(step.turn, TurnState.RUNNING)
    renewal = Renewal(ask.tenant_id, turn_id, max(0, row.fence + step.fence), step.ceiling)
    return lambda kernel: kernel.one.leases.renew([renewal])


@meaning.register
def _(step: do.HandBack, world: World) -> Call:
    ask, turn_id, row = world.turn(step.turn, TurnState.RUNNING)
    driven = Driven(ask.tenant_id, turn_id, max(0, row.fence + step.fence))

    async def hand_back(kernel: Kernel) -> object:
        await kernel.one.leases.hand_back([driven])
        return await servers(kernel)[step.server].leases.take_over(EVERYTHING)

    return hand_back


@meaning.register
def _(step: do.Append, world: World) -> Call:
    ask, turn_id, row = world.turn(step.turn, TurnState.RUNNING)
    first = row.written + 1 + step.skip
    events = shown(*range(first, first + step.count))
    batch = EventBatch(ask.tenant_id, turn_id, max(0, row.fence + step.fence), events)
    return lambda kernel: kernel.one.leases.append([batch])


@meaning.register
def _(step: do.Promoted, _world: World) -> Call:
    async def look(kernel: Kernel) -> object:
        leases = servers(kernel)[step.server].leases
        decided = await leases.decided(EVERYTHING)
        return await leases.promoted(EVERYTHING), sorted(
            one.id for one in decided if isinstance(one, Turn)
        )

    return look


@meaning.register
def _(step: do.Reserve, world: World) -> Call:
    ask = world.seats[step.tenant][0]
    command = ask.reserve(
        *holds_of(ask, step.holds),
        request_id=None if step.request is None else f"request {step.request}",
        digest=b"other" if step.digest else b"content",
    )
    world.reservations.append((ask, command.reservation_id))
    return lambda kernel: kernel.budgets.reserve(command)


@meaning.register
def _(step: do.ExtendReservation, world: World) -> Call:
    ask, reservation_id = world.reservation(step.reservation)
    row = world.facts_of(ask).reservations.get(reservation_id)
    number = step.step + 1 + (row.step if row else 0)
    more = holds_of(ask, step.holds)
    return lambda kernel: kernel.budgets.extend(ask.tenant_id, reservation_id, number, more)


@meaning.register
def _(step: do.Settle, world: World) -> Call:
    ask, reservation_id = world.reservation(step.reservation)
    used = uses_of(step.uses)
    return lambda kernel: kernel.budgets.settle(ask.tenant_id, reservation_id, used)


@meaning.register
def _(step: do.Release, world: World) -> Call:
    ask, reservation_id = world.reservation(step.reservation)
    return lambda kernel: kernel.budgets.release(ask.tenant_id, reservation_id)


@meaning.register
def _(step: do.DeleteSession, world: World) -> Call:
    ask = world.seats[step.tenant][step.session]
    return lambda kernel: kernel.administrator.delete_session(ask.tenant_id, ask.session_id)
