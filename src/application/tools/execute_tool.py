"""Run one tool for a client, outside any turn."""

from asyncio import sleep, wait
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final, final

from application.authorization.authorize import Authorize, AuthorizeQuery
from application.budget.ports import Budgets
from application.capability.ports import ProviderHealth
from application.kernel.insisting import insisting
from application.kernel.ports import CanonicalJson, Clock, DurableClock, IdentifierSource
from application.tenancy.read_subscription import ReadSubscription
from application.tools.arguments_digest import arguments_digest
from application.tools.call_facts import CallFacts
from application.tools.call_holds import call_holds
from application.tools.call_terms import NO_CAPSULE, CallTerms
from application.tools.egress import check_egress
from application.tools.ports import ArgumentChecker, EffectJournal, InvocationReader, ToolRunner
from application.tools.reserve_call import ReserveCall
from application.tools.run_call import RunCall, RunningCalls, StartedCall
from domain.kernel.digest import digest_of
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.identifiers import (
    InvocationId,
    RequestId,
    ReservationId,
    SessionId,
    TenantId,
)
from domain.kernel.principal import Principal
from domain.tenancy.feature import Feature
from domain.tools.errors import ToolFailedError, ToolNotFoundError
from domain.tools.invocation import APPROVAL_TIME, Invocation, InvocationState
from domain.tools.invocation_event import InvocationEvent, events_of
from domain.tools.tool import Tool

TOOL_USE: Final = "tool:use"

POLL_SECONDS: Final = 0.5
"""How often a call that is not known to have ended is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteToolCommand:
    """`arguments` is JSON text; `terms` are those of no capsule unless one is named."""

    principal: Principal
    tenant_id: TenantId
    tool: str
    arguments: str
    request_id: RequestId
    terms: CallTerms = NO_CAPSULE
    session_id: SessionId | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteTool:
    """Schema, permission, budget, approval, then run: at most once per request id.

    A client that goes away does not stop the call; the same request id shows the same call's
    events.
    """

    runner: ToolRunner
    checker: ArgumentChecker
    authorize: Authorize
    health: ProviderHealth
    budgets: Budgets
    effects: EffectJournal
    invocations: InvocationReader
    run: RunCall
    running: RunningCalls
    facts: CallFacts
    canonical: CanonicalJson
    clock: Clock
    times: DurableClock
    identifiers: IdentifierSource
    subscription: ReadSubscription

    async def __call__(self, command: ExecuteToolCommand) -> AsyncGenerator[InvocationEvent]:
        """Yield what becomes of the call, to its end or to where it waits for a person.

        Raises:
            FeatureDisabledError: The tenant has no tools.
            ToolNotFoundError: There is no such tool, or the capsule does not allow it.
            ToolEgressDeniedError: The capsule lets nothing out, and the tool is somewhere else.
            ToolArgumentsInvalidError: The arguments do not fit the tool's schema.
            PermissionDeniedError: No rule lets the caller use the tool.
            ToolFailedError: The tool failed so often that it is not tried now.
            BudgetExhaustedError: A limit leaves no room for the call.
            IdempotencyKeyReusedError: The request id is known with another content.
            RequestExpiredError: The call was made, and its request id is forgotten.
        """
        call = await self._begin(command)
        shown = 0
        while True:
            for event in events_of(call, self.clock.now())[shown:]:
                yield event
                shown += 1
            if call.state is not InvocationState.STARTED:
                return
            call = await self._changed(call)

    async def _begin(self, command: ExecuteToolCommand) -> Invocation:
        tool = self._tool(command)
        self.checker.check(tool, command.arguments)
        (await self.subscription(command.tenant_id)).check(Feature.TOOLS)
        check_egress(command.terms.egress, tool)
        permit = await self.authorize(
            AuthorizeQuery(
                principal=command.principal, permission=TOOL_USE, resource=f"tools/{tool.name}"
            )
        )
        until = await self.times.now() + APPROVAL_TIME if command.terms.waits(tool) else None
        asked = Invocation(
            id=InvocationId(self.identifiers.next()),
            tenant_id=command.tenant_id,
            turn_id=None,
            round=0,
            call_id="",
            tool=tool.name,
            arguments=command.arguments,
            digest=arguments_digest(self.canonical, command.arguments),
            effect=tool.effect,
            state=InvocationState.PENDING_APPROVAL if until else InvocationState.STARTED,
            permit=permit.rule,
            requested_by=command.principal.subject,
            expires_at=until,
            created_at=self.clock.now(),
            tenant=command.principal.tenant,
            session_id=command.session_id,
            capsule_version_id=command.terms.version,
            key_id=command.principal.key_id,
        )
        digest = _digest(command)
        if until:
            return await self.effects.begin(
                asked,
                command.request_id,
                digest,
                event=self.facts.requested(asked, until),
            )
        if not self.health.allows(tool.name):
            raise ToolFailedError(tool.name, "its circuit breaker is open")
        reservation_id = await self._reserve(command, digest)
        # From here to the tool's start nothing may be lost to a client that goes away.
        return await self.running.starting(self._start(command, asked, digest, reservation_id))

    async def _start(
        self,
        command: ExecuteToolCommand,
        asked: Invocation,
        digest: bytes,
        reservation_id: ReservationId,
    ) -> Invocation:
        began = self.clock.monotonic()
        # A call that was written and whose answer was lost would be one that nobody runs.
        stored = await insisting(
            lambda: self.effects.begin(
                asked, command.request_id, digest, reservation_id=reservation_id
            )
        )
        if stored.id == asked.id:
            self.running.start(
                self.run,
                StartedCall(invocation=stored, principal=command.principal, began=began),
            )
        return stored

    async def _reserve(self, command: ExecuteToolCommand, digest: bytes) -> ReservationId:
        """Hold one tool call, once per request id, apart from what clients reserve themselves."""
        reserve = ReserveCall(budgets=self.budgets, identifiers=self.identifiers)
        holds = call_holds(command.principal, command.session_id, command.terms.capsule)
        try:
            return await reserve(command.tenant_id, f"tool:{command.request_id}", digest, holds)
        except IdempotencyKeyReusedError:
            raise IdempotencyKeyReusedError(command.request_id) from None

    def _tool(self, command: ExecuteToolCommand) -> Tool:
        known = {tool.name: tool for tool in self.runner.tools() if command.terms.allows(tool.name)}
        tool = known.get(command.tool)
        if tool is None:
            raise ToolNotFoundError(command.tool, tuple(known))
        return tool

    async def _changed(self, call: Invocation) -> Invocation:
        """The call once it has ended, or as it is a little later: others may end it too."""
        task = self.running.find(call.id)
        if task is not None:
            await wait([task], timeout=POLL_SECONDS)
        now = await self.invocations.invocation(call.tenant_id, call.id)
        if now.state is InvocationState.STARTED and task is None:
            await sleep(POLL_SECONDS)
        return now


def _digest(command: ExecuteToolCommand) -> bytes:
    """What a request id stands for: the same content has the same digest."""
    session = "" if command.session_id is None else str(command.session_id)
    parts = (
        command.principal.subject,
        command.tool,
        command.arguments,
        command.terms.capsule,
        session,
    )
    return digest_of(*(part.encode() for part in parts))
