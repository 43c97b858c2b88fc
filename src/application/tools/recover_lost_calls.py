"""Take over calls that clients made by themselves and whose servers were lost."""

from dataclasses import dataclass
from typing import final

from application.kernel.ports import Clock
from application.tools.ports import EffectJournal
from application.tools.run_call import RunCall, RunningCalls, StartedCall
from domain.kernel.principal import Principal


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverLostCalls:
    """Each is recovered in this process, under a lease and a fence of its own.

    A call that runs here is left alone, though its lease ran out while the database was away: its
    next renewal says whether it is still this server's.
    """

    effects: EffectJournal
    run: RunCall
    running: RunningCalls
    clock: Clock

    async def __call__(self, limit: int) -> int:
        """Take over calls of all tenants while at most so many calls run here; how many."""
        room = limit - len(self.running)
        if room <= 0 or self.running.leaving:
            return 0
        return await self.running.starting(self._take(room))

    async def _take(self, room: int) -> int:
        began = self.clock.monotonic()
        lost = await self.effects.take_over(room, here=self.running.here())
        for one in lost:
            call = one.invocation
            asker = Principal(
                tenant_id=call.tenant_id,
                tenant=call.tenant,
                subject=call.requested_by,
                roles=frozenset(),
                key_id=call.key_id,
            )
            self.running.start(
                self.run,
                StartedCall(invocation=call, principal=asker, fence=one.fence, began=began),
            )
        return len(lost)
