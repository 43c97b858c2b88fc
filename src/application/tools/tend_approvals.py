"""Go on with calls by themselves that waited for a person, and that everybody has left."""

from dataclasses import dataclass
from typing import final

from application.kernel.ports import DurableClock
from application.tools.call_facts import CallFacts
from application.tools.ports import CallObserver, EffectJournal
from application.tools.run_approved import RunApproved
from application.tools.run_call import RunningCalls
from domain.kernel.errors import DomainError
from domain.tools.invocation import Invocation, InvocationState


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TendApprovals:
    """One that was approved is started here, once; one that nobody decided about in time expires.

    One that cannot start now, for want of budget or because this server has not its tool, stays
    PERMITTED and is found again, until its time is over: it is DENIED then, as is one that may not
    start any more. Whatever is wrong with one call keeps no other.
    """

    effects: EffectJournal
    run_approved: RunApproved
    running: RunningCalls
    facts: CallFacts
    observer: CallObserver
    times: DurableClock

    async def __call__(self, limit: int) -> int:
        """Tend calls of all tenants while at most so many calls run here; how many went on."""
        room = limit - len(self.running)
        if room <= 0 or self.running.leaving:
            return 0
        return sum([await self._tend(call) for call in await self.effects.stalled(room)])

    async def _tend(self, call: Invocation) -> bool:
        try:
            return await self._go_on(call)
        except DomainError:
            return False
        except Exception as error:  # noqa: BLE001 - one that cannot be gone on with keeps no other
            self.observer.broke(call.id, error)
            return False

    async def _go_on(self, call: Invocation) -> bool:
        match call.state:
            case InvocationState.PENDING_APPROVAL:
                expired = self.facts.decided(call, InvocationState.EXPIRED)
                return await self.effects.expire(call, expired)
            case InvocationState.PERMITTED:
                if call.overdue(await self.times.now()):
                    denied = self.facts.invoked(call, InvocationState.DENIED)
                    return await self.effects.expire(call, denied)
                tried = await self.run_approved(call, call.tenant)
                return tried.state is not InvocationState.PERMITTED
            case _:
                # It was decided, started or ended after it had been found.
                return False
