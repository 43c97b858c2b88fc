"""Take a message on, and begin to answer it."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final, final

from application.capsule.load_capsule import LoadCapsuleQuery
from application.conversation.drive_turn import DriveTurn, Task, planned_as
from application.conversation.holds import turn_holds
from application.conversation.plan import TurnPlan
from application.conversation.ports.journal import AcceptTurn, Grant, TurnJournal
from application.conversation.ports.reading import Opening, TurnReader
from application.conversation.prepare_turn import PrepareTurn
from application.conversation.progress import Progress
from application.conversation.turn_drivers import TurnDrivers
from application.kernel.insisting import insisting
from application.kernel.ports import Clock, IdentifierSource
from domain.conversation.errors import SessionMovedError
from domain.conversation.events import TurnAccepted
from domain.conversation.phase import Phase
from domain.conversation.turn import TurnOrder, TurnState
from domain.conversation.turn_event import Accepted
from domain.kernel.digest import digest_of
from domain.kernel.errors import DomainError, IdempotencyKeyReusedError
from domain.kernel.identifiers import (
    CapsuleVersionId,
    EventId,
    MessageId,
    SessionId,
    TurnId,
)
from domain.kernel.metering import Metric
from domain.kernel.resilience import TURN_DEADLINE, turn_seconds

HISTORY_MESSAGES: Final = 200
"""How many of a session's latest messages are looked at; the history lane is smaller than that."""

READINGS: Final = 8
"""How often a message is planned anew because another turn ended meanwhile, until it is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessMessageCommand:
    """`seconds` is what the client gives; `began` the monotonic time at which the call came in."""

    order: TurnOrder
    session_id: SessionId
    request_id: str
    seconds: float | None
    began: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessMessage:
    """Refuses whatever can be refused, reserves, accepts, and starts the driver.

    After the acceptance the turn goes on by itself: the caller only watches it. The same request id
    gives the same turn. `longest` is how many seconds a turn may take, whatever its client gives.
    """

    reader: TurnReader
    prepare: PrepareTurn
    journal: TurnJournal
    drivers: TurnDrivers
    drive: DriveTurn
    clock: Clock
    identifiers: IdentifierSource
    longest: float = TURN_DEADLINE.total_seconds()

    async def __call__(self, command: ProcessMessageCommand) -> TurnId:
        """Accept the message.

        Raises:
            SessionNotFoundError: No such session of this tenant.
            SessionBusyError: The session takes no more messages now.
            BudgetExhaustedError: It does not fit a limit; nothing was stored.
            IdempotencyKeyReusedError: The request id names another message.
            Besides, whatever `PrepareTurn` refuses.
        """
        for _ in range(READINGS - 1):
            try:
                return await self._process(command)
            except SessionMovedError:
                continue
        return await self._process(command)

    async def _process(self, command: ProcessMessageCommand) -> TurnId:
        """Plan with the history as it is now, and accept the message if it still is.

        Raises:
            SessionMovedError: A turn ended meanwhile, whose answer the plan does not know.
        """
        order = command.order
        tenant_id = order.principal.tenant_id
        progress = Progress(self.clock, began=command.began)
        progress.passed(Phase.AUTHENTICATE)
        opening = await self.reader.opening(tenant_id, command.session_id, HISTORY_MESSAGES)
        load = partial(
            self.prepare.load_capsule,
            LoadCapsuleQuery(tenant_id=tenant_id, capsule=opening.session.capsule),
        )
        try:
            plan = await self.prepare(order, opening, progress, load)
        except DomainError:
            # What would be refused by now may have been accepted when it was first asked for.
            if (known := await self._known(command)) is None:
                raise
            return known
        return await self.drivers.to_the_end(self._accept(command, opening, plan, progress))

    async def _known(self, command: ProcessMessageCommand) -> TurnId | None:
        """The turn that the same request was accepted as before.

        Raises:
            IdempotencyKeyReusedError: It had another content.
        """
        tenant_id = command.order.principal.tenant_id
        found = await self.reader.accepted(tenant_id, command.session_id, command.request_id)
        if found is None:
            return None
        turn_id, digest = found
        if digest != order_digest(command.order):
            raise IdempotencyKeyReusedError(command.request_id)
        return turn_id

    async def _accept(
        self, command: ProcessMessageCommand, opening: Opening, plan: TurnPlan, progress: Progress
    ) -> TurnId:
        """From here on the turn does not need its client any more."""
        asked_at = self.clock.monotonic()
        with progress.timing(Phase.BUDGET):
            # Named once: after a lost answer it is told as its own, and driven here.
            acceptance = self._acceptance(command, opening, plan)
            grant = await insisting(lambda: self.journal.accept(acceptance))
        if grant.earlier or grant.state is not TurnState.RUNNING:
            return grant.turn_id
        progress.held_tokens = plan.context.hold
        progress.called_api()
        self._start(command, plan, progress, grant, asked_at)
        return grant.turn_id

    def _acceptance(
        self, command: ProcessMessageCommand, opening: Opening, plan: TurnPlan
    ) -> AcceptTurn:
        order = command.order
        tenant_id = order.principal.tenant_id
        turn_id = TurnId(self.identifiers.next())
        capsule_version_id = plan.settings.capsule.capsule.id
        return AcceptTurn(
            tenant_id=tenant_id,
            session_id=command.session_id,
            request_id=command.request_id,
            digest=order_digest(order),
            turn_id=turn_id,
            capsule_version_id=capsule_version_id,
            message_id=MessageId(self.identifiers.next()),
            order=replace(
                order,
                prompt_tokens=plan.context.prompt_tokens,
                held_tokens=plan.context.hold,
            ),
            seconds=turn_seconds(command.seconds, self.longest),
            last_event=opening.last_event,
            holds=turn_holds(
                order.principal,
                command.session_id,
                plan.settings.manifest.name,
                ((Metric.TOKENS, plan.context.hold), (Metric.API_CALLS, 1)),
            ),
            event=TurnAccepted(
                id=EventId(self.identifiers.next()),
                tenant_id=tenant_id,
                key=command.session_id,
                occurred_at=self.clock.now(),
                tenant=order.principal.tenant,
                session_id=command.session_id,
                turn_id=turn_id,
                capsule_version_id=capsule_version_id,
                subject=order.principal.subject,
            ),
        )

    def _start(
        self,
        command: ProcessMessageCommand,
        plan: TurnPlan,
        progress: Progress,
        grant: Grant,
        asked_at: float,
    ) -> None:
        task = Task(
            order=command.order,
            capsule_version_id=CapsuleVersionId(plan.settings.capsule.capsule.id),
            plan=planned_as(plan),
            progress=progress,
            deadline=command.began + turn_seconds(command.seconds, self.longest),
            opening=(Accepted(plan.settings.capsule.capsule.id, queued=False),),
        )
        self.drivers.start(
            tenant_id=command.order.principal.tenant_id,
            session_id=command.session_id,
            grant=grant,
            asked_at=asked_at,
            drive=partial(self.drive, task=task),
        )


def order_digest(order: TurnOrder) -> bytes:
    """What a request id stands for: the same content has the same digest."""
    choice = order.tool_choice
    return digest_of(
        order.text.encode("utf-8", "surrogatepass"),
        b"" if choice is None else f"{choice.mode}/{choice.tool}".encode(),
        str(order.max_tokens or "").encode(),
    )
