"""Run a tool call by itself that a person has approved."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final, final

from application.budget.ports import Budgets
from application.capability.ports import ProviderHealth
from application.identity.ports import Credentials
from application.kernel.ports import Clock, IdentifierSource
from application.tenancy.read_subscription import ReadSubscription
from application.tools.call_holds import call_holds
from application.tools.ports import EffectJournal, ToolRunner
from application.tools.reserve_call import ReserveCall
from application.tools.run_call import RunCall, RunningCalls, StartedCall
from domain.budget.errors import ReservationEndedError, ReservationNotFoundError
from domain.identity.errors import TenantSuspendedError
from domain.kernel.identifiers import ReservationId
from domain.kernel.principal import Principal
from domain.tenancy.errors import TenantNotFoundError
from domain.tenancy.feature import Feature
from domain.tenancy.tenant import Standing
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

    It runs for whoever asked for it, with no roles: what a tool may do was decided before. A server
    that leaves starts none, and another one does within a lease.
    """

    runner: ToolRunner
    subscription: ReadSubscription
    credentials: Credentials
    health: ProviderHealth
    budgets: Budgets
    effects: EffectJournal
    run: RunCall
    running: RunningCalls
    clock: Clock
    identifiers: IdentifierSource

    async def __call__(self, approved: Invocation, tenant: str) -> Invocation:
        """Give the call as it was started; as it is where it was started before.

        What is refused stays approved and is tried again until the call's time is over.

        Raises:
            ToolNotFoundError: The tool is gone from this server.
            TenantNotFoundError: The tenant is gone.
            TenantSuspendedError: The tenant is suspended or was stopped.
            FeatureDisabledError: The tenant has no tools any more.
            ToolFailedError: The tool failed so often that it is not tried now.
            BudgetExhaustedError: A limit leaves no room; the same decision again tries once more.
            ApprovalExpiredError: The call's time is over.
        """
        if self.running.leaving:
            return approved
        await self._check(approved, tenant)
        # From here to the tool's start nothing may be lost to a caller that goes away.
        return await self.running.starting(self._start(approved, tenant))

    async def _check(self, approved: Invocation, slug: str) -> None:
        if all(one.name != approved.tool for one in self.runner.tools()):
            raise ToolNotFoundError(approved.tool, ())
        tenant = await self.credentials.tenant(slug)
        if tenant is None:
            raise TenantNotFoundError(slug)
        if tenant.standing is not Standing.ACTIVE:
            raise TenantSuspendedError(slug, tenant.standing.name.lower())
        (await self.subscription(approved.tenant_id)).check(Feature.TOOLS)
        if not self.health.allows(approved.tool):
            raise ToolFailedError(approved.tool, "its circuit breaker is open")

    async def _start(self, approved: Invocation, tenant: str) -> Invocation:
        asker = Principal(
            tenant_id=approved.tenant_id,
            tenant=tenant,
            subject=approved.requested_by,
            roles=frozenset(),
        )
        reserve = ReserveCall(budgets=self.budgets, identifiers=self.identifiers)
        held = await reserve(
            approved.tenant_id,
            f"invocation:{approved.id}",
            approved.digest,
            call_holds(asker, approved.session_id),
        )
        began = self.clock.monotonic()
        try:
            started = await self.effects.start(approved.tenant_id, approved.id, held)
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

    async def _give_back(self, approved: Invocation, held: ReservationId) -> None:
        with suppress(ReservationEndedError, ReservationNotFoundError):
            await self.budgets.release(approved.tenant_id, held)
