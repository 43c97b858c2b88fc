"""Go on with calls by themselves that waited for a person, and that everybody has left."""

from dataclasses import dataclass
from typing import final

from application.tools.call_facts import CallFacts
from application.tools.ports import EffectJournal
from application.tools.run_approved import RunApproved
from application.tools.run_call import RunningCalls
from domain.budget.errors import BudgetExhaustedError
from domain.tools.errors import ToolNotFoundError
from domain.tools.invocation import Invocation, InvocationState


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TendApprovals:
    """One that was approved is started here, once; one that nobody decided about in time expires.

    One that cannot start now, for want of budget or because this server has not its tool, stays
    PERMITTED and is found again.
    """

    effects: EffectJournal
    run_approved: RunApproved
    running: RunningCalls
    facts: CallFacts

    async def __call__(self, limit: int) -> int:
        """Tend calls of all tenants while at most so many calls run here; how many went on."""
        room = limit - len(self.running)
        if room <= 0:
            return 0
        return sum([await self._tend(call) for call in await self.effects.stalled(room)])

    async def _tend(self, call: Invocation) -> bool:
        if call.state is InvocationState.PENDING_APPROVAL:
            told = self.facts.decided(call, InvocationState.EXPIRED)
            return await self.effects.expire(call.tenant_id, call.id, told)
        try:
            started = await self.run_approved(call, call.tenant)
        except (BudgetExhaustedError, ToolNotFoundError):
            return False
        return started.state is InvocationState.STARTED
