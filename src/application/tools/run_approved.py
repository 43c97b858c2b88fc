"""Run a tool call by itself that a person has approved."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, final

from application.budget.ports import Budgets
from application.capability.ports import ProviderHealth
from application.kernel.insisting import insisting
from application.kernel.ports import Clock, IdentifierSource
from application.tools.call_facts import CallFacts
from application.tools.call_holds import call_holds
from application.tools.check_standing import CheckStanding
from application.tools.ports import EffectJournal, ToolRunner
from application.tools.reserve_call import ReserveCall
from application.tools.run_call import RunCall, RunningCalls, StartedCall
from domain.budget.account import Hold
from domain.budget.errors import ReservationEndedError, ReservationNotFoundError
from domain.kernel.errors import DomainError, UnavailableError
from domain.kernel.identifiers import ReservationId, StartId
from domain.kernel.principal import Principal
from domain.tools.errors import (
    ApprovalExpiredError,
    InvocationAlreadyDecidedError,
    ToolFailedError,
    ToolNotFoundError,
)
from domain.tools.invocation import Invocation, InvocationState

NEVER_RUN: Final = frozenset(
    {InvocationState.DENIED.name, InvocationState.REJECTED.name, InvocationState.EXPIRED.name}
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RunApproved:
    """Reserve, start and run the call in this process; the decision does not wait for its end.

    It runs for whoever asked for it, with no roles: what a tool may do was decided before. One that
    may not start any more is denied, for good. A server that leaves starts none, and another one
    does within a lease.
    """

    runner: ToolRunner
    standing: CheckStanding
    health: ProviderHealth
    budgets: Budgets
    effects: EffectJournal
    run: RunCall
    running: RunningCalls
    facts: CallFacts
    clock: Clock
    identifiers: IdentifierSource

    async def __call__(self, approved: Invocation, tenant: str) -> Invocation:
        """Give the call as it was started or denied; as it is where it was started before.

        What cannot start for now stays approved and is tried again until the call's time is over.

        Raises:
            ToolNotFoundError: The tool is gone from this server.
            ToolFailedError: The tool failed so often that it is not tried now.
            BudgetExhaustedError: A limit leaves no room; the same decision again tries once more.
            ApprovalExpiredError: The call's time is over.
            StorageUnavailableError: What it may start under cannot be read now.
        """
        if self.running.leaving:
            return approved
        tools = self.runner.tools()
        tool = next((one for one in tools if one.name == approved.tool), None)
        try:
            terms = await self.standing(approved, tenant, tool)
        except UnavailableError:
            raise
        except DomainError as refusal:
            return await self._deny(approved, tenant, refusal.reason)
        if tool is None:
            raise ToolNotFoundError(approved.tool, ())
        if not self.health.allows(tool.name):
            raise ToolFailedError(tool.name, "its circuit breaker is open")
        # From here to the tool's start nothing may be lost to a caller that goes away.
        return await self.running.starting(self._start(approved, tenant, terms.capsule))

    async def _start(self, approved: Invocation, tenant: str, capsule: str) -> Invocation:
        asker = Principal(
            tenant_id=approved.tenant_id,
            tenant=tenant,
            subject=approved.requested_by,
            roles=frozenset(),
            key_id=approved.key_id,
        )
        held = await self._reserve(approved, call_holds(asker, approved.session_id, capsule))
        began, start_id = self.clock.monotonic(), StartId(self.identifiers.next())
        try:
            # Under one id: a start whose answer was lost is known as this one.
            started = await insisting(
                lambda: self.effects.start(approved.tenant_id, approved.id, start_id, held)
            )
        except ApprovalExpiredError:
            await self._give_back(approved, held)
            raise
        except InvocationAlreadyDecidedError as refusal:
            # Whoever has started it did so with this very hold; one that never runs needs none.
            if refusal.facts["state"] in NEVER_RUN:
                await self._give_back(approved, held)
            return approved
        self.running.start(
            self.run,
            StartedCall(invocation=started, principal=asker, began=began),
        )
        return started

    async def _deny(self, approved: Invocation, tenant: str, reason: str) -> Invocation:
        fact = self.facts.invoked(replace(approved, tenant=tenant), InvocationState.DENIED)
        denied = await self.effects.deny(approved, reason, fact)
        if denied.state is InvocationState.DENIED:
            # A server that was lost before the start may have held something for it.
            await self._give_back(approved, await self._reserve(approved, ()))
        return denied

    async def _reserve(self, approved: Invocation, holds: Sequence[Hold]) -> ReservationId:
        """Hold what the call costs, once; where something was held for it before, that."""
        reserve = ReserveCall(budgets=self.budgets, identifiers=self.identifiers)
        request_id = f"invocation:{approved.id}"
        return await reserve(approved.tenant_id, request_id, approved.digest, holds)

    async def _give_back(self, approved: Invocation, held: ReservationId) -> None:
        with suppress(ReservationEndedError, ReservationNotFoundError):
            await self.budgets.release(approved.tenant_id, held)
