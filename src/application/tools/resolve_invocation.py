"""Let a person say what became of a call that nobody knows of."""

from dataclasses import dataclass, replace
from typing import Final, final

from application.kernel.audit import Audit
from application.kernel.ports import Clock
from application.tools.call_facts import CallFacts
from application.tools.ports import EffectJournal, InvocationReader
from domain.kernel.identifiers import InvocationId, TenantId
from domain.kernel.principal import Principal
from domain.tools.invocation import Invocation, InvocationState, Resolution

TOOLS_RESOLVE: Final = "tools:resolve"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveInvocationCommand:
    """`principal` is the person, who may (`tools:resolve`); `result` what the tool did answer."""

    principal: Principal
    tenant_id: TenantId
    tenant: str
    invocation_id: InvocationId
    succeeded: bool
    result: str
    note: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveInvocation:
    """Write what a person found out. Nothing is run, and the turn that asked is not changed."""

    invocations: InvocationReader
    effects: EffectJournal
    facts: CallFacts
    audit: Audit
    clock: Clock

    async def __call__(self, command: ResolveInvocationCommand) -> Invocation:
        """Give the call as it was resolved; the same finding again gives it as it is.

        Raises:
            InvocationNotFoundError: No such invocation of this tenant.
            InvocationAlreadyDecidedError: It is not UNKNOWN, or was resolved otherwise.
            InvalidArgumentError: The result or the note cannot be kept.
        """
        tenant_id, by = command.tenant_id, command.principal.subject
        asked = await self.invocations.invocation(tenant_id, command.invocation_id)
        found = Resolution(
            state=InvocationState.SUCCEEDED if command.succeeded else InvocationState.FAILED,
            result=command.result,
            note=command.note,
            by=by,
            at=self.clock.now(),
        )
        resource = f"tenants/{command.tenant}/invocations/{asked.id}"
        events = (
            self.facts.invoked(replace(asked, tenant=command.tenant), found.state),
            self.audit.of(tenant_id, TOOLS_RESOLVE, by, resource),
        )
        resolved = await self.effects.resolve(tenant_id, asked.id, found, events)
        return replace(resolved, session_id=asked.session_id)
