"""Run a tool call by itself that a person has approved."""

from dataclasses import dataclass
from typing import final

from application.budget.ports import Budgets
from application.kernel.ports import Clock, IdentifierSource
from application.tools.call_holds import call_holds
from application.tools.ports import EffectJournal, ToolRunner
from application.tools.reserve_call import ReserveCall
from application.tools.run_call import RunCall, RunningCalls, StartedCall
from domain.kernel.principal import Principal
from domain.tools.errors import InvocationAlreadyDecidedError, ToolNotFoundError
from domain.tools.invocation import Invocation


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RunApproved:
    """Reserve, start and run the call in this process; the decision does not wait for its end.

    It runs for whoever asked for it, with no roles: what a tool may do was decided before.
    """

    runner: ToolRunner
    budgets: Budgets
    effects: EffectJournal
    run: RunCall
    running: RunningCalls
    clock: Clock
    identifiers: IdentifierSource

    async def __call__(self, approved: Invocation, tenant: str) -> Invocation:
        """Give the call as it was started; as it is where it was started before.

        Raises:
            ToolNotFoundError: The tool is gone from this server.
            BudgetExhaustedError: A limit leaves no room; the same decision again tries once more.
        """
        if all(one.name != approved.tool for one in self.runner.tools()):
            raise ToolNotFoundError(approved.tool, ())
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
        except InvocationAlreadyDecidedError:
            return approved
        self.running.start(
            self.run,
            StartedCall(invocation=started, principal=asker, began=began),
        )
        return started
