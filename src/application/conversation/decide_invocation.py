"""Let a person decide about a tool call that waits."""

from dataclasses import dataclass, replace
from typing import Final, final

from application.conversation.continue_decided import ContinueDecided
from application.conversation.ports.reading import TurnReader
from application.kernel.audit import Audit
from application.kernel.ports import Clock, IdentifierSource
from application.tools.call_facts import CallFacts
from application.tools.ports import EffectJournal, InvocationReader
from application.tools.run_approved import RunApproved
from domain.conversation.errors import TurnAlreadyEndedError
from domain.kernel.events import AuditRecorded
from domain.kernel.identifiers import InvocationId, TenantId
from domain.kernel.principal import Principal
from domain.tools.errors import ApprovalExpiredError, InvocationAlreadyDecidedError
from domain.tools.invocation import Invocation, InvocationState

UNDECIDED: Final = (InvocationState.PENDING_APPROVAL, InvocationState.EXPIRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideInvocationCommand:
    """`principal` is the person, who may (`tools:approve`); the decision again changes nothing."""

    principal: Principal
    tenant_id: TenantId
    tenant: str
    invocation_id: InvocationId
    approved: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DecideInvocation:
    """Approve or reject a call with exactly the arguments it has.

    When its turn waits for nothing more the turn goes on here; a call by itself is run here. Where
    the budget does not let a turn go on, the decision stands and the turn stays paused: the same
    decision again tries once more.
    """

    invocations: InvocationReader
    reader: TurnReader
    effects: EffectJournal
    go_on: ContinueDecided
    run_approved: RunApproved
    facts: CallFacts
    clock: Clock
    identifiers: IdentifierSource

    async def __call__(self, command: DecideInvocationCommand) -> Invocation:
        """Give the call as it was decided.

        Raises:
            InvocationNotFoundError: No such invocation of this tenant.
            InvocationAlreadyDecidedError: It was decided otherwise before, or never waited.
            ApprovalExpiredError: Nobody decided in time.
            TurnAlreadyEndedError: Its turn has ended.
        """
        tenant_id = command.tenant_id
        asked = await self.invocations.invocation(tenant_id, command.invocation_id)
        turn = None
        if asked.turn_id is not None:
            turn = await self.reader.turn(tenant_id, asked.turn_id)
            if turn.state.final and asked.state in UNDECIDED:
                raise TurnAlreadyEndedError(str(turn.id), turn.state.name)
        decided, may_resume = await self._decide(command, asked)
        if turn is not None and may_resume:
            await self.go_on(await self.reader.turn(tenant_id, turn.id))
        if turn is None and decided.state is InvocationState.PERMITTED:
            return await self.run_approved(decided, command.tenant)
        return decided

    async def _decide(
        self, command: DecideInvocationCommand, asked: Invocation
    ) -> tuple[Invocation, bool]:
        state = InvocationState.PERMITTED if command.approved else InvocationState.REJECTED
        call = replace(asked, tenant=command.tenant)
        decided = self.facts.decided(call, state, command.principal.subject)
        try:
            return await self.effects.decide(
                command.tenant_id,
                command.invocation_id,
                approved=command.approved,
                by=command.principal.subject,
                events=[decided, self._audit(command)],
                expired=self.facts.decided(call, InvocationState.EXPIRED),
            )
        except InvocationAlreadyDecidedError as refusal:
            if refusal.facts["state"] == InvocationState.EXPIRED.name:
                raise ApprovalExpiredError(str(command.invocation_id)) from refusal
            raise

    def _audit(self, command: DecideInvocationCommand) -> AuditRecorded:
        deed = "approve" if command.approved else "reject"
        return Audit(clock=self.clock, identifiers=self.identifiers).of(
            command.tenant_id,
            f"tools:{deed}",
            command.principal.subject,
            f"tenants/{command.tenant}/invocations/{command.invocation_id}",
        )
