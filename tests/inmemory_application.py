"""The whole application in process memory: any number of servers over one world."""

from asyncio import timeout
from dataclasses import dataclass
from typing import Final, final
from uuid import UUID, uuid5

from adapters.inmemory.capabilities import InMemoryCapabilities
from adapters.inmemory.journal import InMemoryTurnJournal
from adapters.inmemory.leases import InMemoryTurnLeases
from adapters.inmemory.signals import InMemoryTurnSignals
from adapters.local.provider_health import LocalProviderHealth
from adapters.schema.arguments import JsonSchemaArguments
from application.authorization.authorize import Authorize
from application.authorization.role_authorizer import RoleAuthorizer
from application.capability.known_capabilities import KnownCapabilities
from application.capability.select_capability import SelectCapability
from application.capsule.load_capsule import KnownCapsules, LoadCapsule
from application.capsule.verify_capsule import VerifyCapsule
from application.conversation.cancel_turn import CancelTurn, CancelTurnCommand
from application.conversation.continue_decided import ContinueDecided, SweepDecided
from application.conversation.continue_turns import ResumePaused, StartPromoted
from application.conversation.decide_invocation import DecideInvocation, DecideInvocationCommand
from application.conversation.drive_turn import DriveTurn
from application.conversation.end_turn import EndTurn
from application.conversation.phases.context import BuildContext
from application.conversation.phases.derive import DeriveSettings
from application.conversation.phases.make_call import MakeCall
from application.conversation.phases.memory import RecallMemories
from application.conversation.phases.model import CallModel
from application.conversation.phases.reason import Reason
from application.conversation.phases.save import SaveTurn
from application.conversation.phases.tools import RunTools
from application.conversation.ports.journal import TurnJournal
from application.conversation.ports.models import LanguageModel
from application.conversation.prepare_turn import PrepareTurn
from application.conversation.process_message import ProcessMessage, ProcessMessageCommand
from application.conversation.renew_reservation import RenewReservation
from application.conversation.suspend_turn import SuspendTurn
from application.conversation.take_over import TakeOver
from application.conversation.tend_turns import HearSignal, SweepTurns
from application.conversation.turn_drivers import TurnDrivers
from application.conversation.watch_turn import Watchers, WatchTurn, WatchTurnQuery
from application.kernel.ports import Clock
from application.provenance.seal_bell import ProcessSealBell
from application.tenancy.read_subscription import ReadSubscription
from application.tools.call_facts import CallFacts
from application.tools.check_standing import CheckStanding
from application.tools.recover_call import RecoverCall
from application.tools.recover_lost_calls import RecoverLostCalls
from application.tools.run_approved import RunApproved
from application.tools.run_call import RunCall, RunningCalls
from application.tools.tend_approvals import TendApprovals
from domain.conversation.turn import Turn, TurnOrder
from domain.conversation.turn_event import TurnEvent
from domain.kernel.identifiers import InvocationId, ServerId, SessionId, TurnId
from domain.kernel.principal import Principal
from domain.kernel.resilience import Guarded
from domain.kernel.tool_choice import ToolChoice
from domain.tools.invocation import Invocation
from tests.builders import SESSION, TENANT, principal
from tests.doubles import PATIENCE, EverybodyTrusted, NotedLosses, NotedTurns
from tests.inmemory_world import World

LEASE: Final = 30.0
REQUEST: Final = "01946f00-0000-4000-8000-000000000001"

_NAMESPACE: Final = UUID("01946f00-0000-7000-8000-000000000001")


@final
@dataclass(kw_only=True)
class Server:
    """One process of the service: its drivers, and every use case that needs them."""

    world: World
    name: str = "one"
    journal: TurnJournal | None = None
    model: LanguageModel | None = None
    clock: Clock | None = None

    def __post_init__(self) -> None:
        shared, ids = self.world, self.world.identifiers
        clock = self.clock or shared.clock
        self.id = ServerId(uuid5(_NAMESPACE, self.name))
        journal = self.journal or self.plain_journal()
        self.leases = InMemoryTurnLeases(
            store=shared.store, clock=clock, server_id=self.id, lease_seconds=LEASE
        )
        self.signals = InMemoryTurnSignals(store=shared.store, server_id=self.id)
        self.observer = NotedTurns()
        self.losses = NotedLosses()
        self.watchers = Watchers()
        self.drivers = TurnDrivers(
            leases=self.leases, signals=self.signals, clock=clock, lease_seconds=LEASE
        )
        authorize = Authorize(authorizer=RoleAuthorizer())
        self.subscription = ReadSubscription.within(clock, shared.tenancy)
        self.model_health = LocalProviderHealth(clock, Guarded.PROVIDER)
        self.tool_health = LocalProviderHealth(clock, Guarded.TOOL)
        known = KnownCapabilities.within(clock, shared.capabilities, InMemoryCapabilities())
        self.load_capsule = LoadCapsule(
            capsules=shared.capsules,
            verify=VerifyCapsule(canonical=shared.canonical, trusted=EverybodyTrusted()),
            canonical=shared.canonical,
            known=KnownCapsules.within(clock, standing_seconds=0.0, verified_seconds=0.0),
        )
        self.standing = CheckStanding(
            load_capsule=self.load_capsule, subscription=self.subscription,
            credentials=shared.tenancy.kept,
        )  # fmt: skip
        prepare = PrepareTurn(
            load_capsule=self.load_capsule,
            derive=DeriveSettings(
                authorize=authorize,
                select=SelectCapability(known=known, authorize=authorize, health=self.model_health),
                runner=shared.tools,
                subscription=self.subscription,
            ),
            build_context=BuildContext(counter=shared.counter),
        )
        save = SaveTurn(
            journal=journal, effects=shared.effects, invocations=shared.invocations,
            drivers=self.drivers, bell=ProcessSealBell(), json=shared.canonical, clock=clock,
            identifiers=ids,
        )  # fmt: skip
        renew = RenewReservation(journal=journal, clock=clock, identifiers=ids)
        drive = DriveTurn(
            recall=RecallMemories(memories=shared.memories, counter=shared.counter),
            reason=Reason(
                call_model=CallModel(
                    model=self.model or shared.model,
                    counter=shared.counter,
                    health=self.model_health,
                    clock=clock,
                ),
                run_tools=RunTools(
                    make=MakeCall(
                        runner=shared.tools,
                        recover=RecoverCall(runner=shared.tools),
                        health=self.tool_health,
                        clock=clock,
                    ),
                    checker=JsonSchemaArguments(),
                    authorize=authorize,
                    health=self.tool_health,
                    journal=journal,
                    effects=shared.effects,
                    json=shared.canonical,
                    clock=clock,
                    identifiers=ids,
                ),
                renew=renew,
                counter=shared.counter,
            ),
            save=save,
            suspend=SuspendTurn(
                journal=journal,
                drivers=self.drivers,
                clock=clock,
                times=shared.times,
                identifiers=ids,
            ),
            observer=self.observer, signals=self.signals, clock=clock, identifiers=ids,
        )  # fmt: skip
        self.process = ProcessMessage(
            reader=shared.reader, prepare=prepare, journal=journal, drivers=self.drivers,
            drive=drive, clock=clock, identifiers=ids,
        )  # fmt: skip
        self.end = EndTurn(
            save=save, reader=shared.reader, signals=self.signals, clock=clock, identifiers=ids
        )
        self.sweep = SweepTurns(
            leases=self.leases, reader=shared.reader, end=self.end,
            take_over=TakeOver(
                reader=shared.reader, signals=self.signals, prepare=prepare, renew=renew,
                drivers=self.drivers, drive=drive, end=self.end, json=shared.canonical,
                counter=shared.counter, clock=clock,
            ),
            drivers=self.drivers, observer=self.observer,
        )  # fmt: skip
        self.start_promoted = StartPromoted(
            leases=self.leases, reader=shared.reader, prepare=prepare, drivers=self.drivers,
            drive=drive, clock=clock,
        )  # fmt: skip
        self.resume = ResumePaused(
            journal=journal, reader=shared.reader, prepare=prepare, drivers=self.drivers,
            drive=drive, clock=clock, identifiers=ids,
        )  # fmt: skip
        self.go_on = ContinueDecided(resume=self.resume, end=self.end)
        self.sweep_decided = SweepDecided(
            leases=self.leases, go_on=self.go_on, observer=self.observer)  # fmt: skip
        self.watch = WatchTurn(
            reader=shared.reader, signals=self.signals, drivers=self.drivers, watchers=self.watchers
        )
        self.hear = HearSignal(
            drivers=self.drivers, watchers=self.watchers, start_promoted=self.start_promoted
        )
        self.cancel_turn = CancelTurn(
            reader=shared.reader, signals=self.signals, drivers=self.drivers,
            watchers=self.watchers, end=self.end,
        )  # fmt: skip
        self.running_calls, facts = RunningCalls(), CallFacts(clock=clock, identifiers=ids)
        self.run_call = RunCall(
            runner=shared.tools, recover=RecoverCall(runner=shared.tools), health=self.tool_health,
            effects=shared.effects, facts=facts, observer=self.losses, clock=clock,
            lease_seconds=LEASE,
        )  # fmt: skip
        self.recover_lost = RecoverLostCalls(
            effects=shared.effects, run=self.run_call, running=self.running_calls, clock=clock
        )
        self.run_approved = RunApproved(
            runner=shared.tools, health=self.tool_health, budgets=shared.budgets,
            standing=self.standing,
            effects=shared.effects, run=self.run_call, running=self.running_calls, facts=facts,
            clock=clock, identifiers=ids,
        )  # fmt: skip
        self.tend_approvals = TendApprovals(
            effects=shared.effects, run_approved=self.run_approved, running=self.running_calls,
            facts=facts, observer=self.losses, times=shared.times,
        )  # fmt: skip
        self.decide = DecideInvocation(
            invocations=shared.invocations, reader=shared.reader, effects=shared.effects,
            go_on=self.go_on, run_approved=self.run_approved, facts=facts, clock=clock,
            identifiers=ids,
        )  # fmt: skip

    def plain_journal(self) -> InMemoryTurnJournal:
        return InMemoryTurnJournal(
            store=self.world.store, clock=self.world.clock, server_id=self.id, lease_seconds=LEASE
        )

    async def say(
        self,
        text: str = "Hello",
        *,
        request_id: str = REQUEST,
        session_id: SessionId = SESSION,
        seconds: float | None = None,
        tool_choice: ToolChoice | None = None,
        max_tokens: int | None = None,
    ) -> TurnId:
        return await self.process(
            ProcessMessageCommand(
                order=TurnOrder(
                    principal=principal(),
                    text=text,
                    tool_choice=tool_choice,
                    max_tokens=max_tokens,
                ),
                session_id=session_id,
                request_id=request_id,
                seconds=seconds,
                began=self.world.clock.monotonic(),
            )
        )

    async def shown(self, turn_id: TurnId, after: int = 0) -> list[TurnEvent]:
        """The events that a watcher here sees, until its stream ends."""
        query = WatchTurnQuery(tenant_id=TENANT, turn_id=turn_id, after_sequence=after)
        async with timeout(PATIENCE):
            return [event async for event in self.watch(query)]

    async def turn(self, turn_id: TurnId) -> Turn:
        return await self.world.reader.turn(TENANT, turn_id)

    async def settled(self, turn_id: TurnId) -> Turn:
        """The turn when nobody drives it here any more."""
        running = self.drivers.find(turn_id)
        if running is not None:
            async with timeout(PATIENCE):
                await running.ended.wait()
        return await self.turn(turn_id)

    async def answered(
        self, text: str = "Hello", *, request_id: str = REQUEST, max_tokens: int | None = None
    ) -> Turn:
        """A turn from its message to its end."""
        turn_id = await self.say(text, request_id=request_id, max_tokens=max_tokens)
        return await self.settled(turn_id)

    async def cancel(self, turn_id: TurnId, by: str = "ada") -> Turn:
        stored = self.world.store.turns.get((TENANT, turn_id))
        session_id = SESSION if stored is None else stored.turn.session_id
        command = CancelTurnCommand(tenant_id=TENANT, session_id=session_id, turn_id=turn_id, by=by)
        async with timeout(PATIENCE):
            return await self.cancel_turn(command)

    async def decided(
        self, invocation_id: InvocationId, *, approved: bool, by: Principal | None = None
    ) -> Invocation:
        return await self.decide(
            DecideInvocationCommand(
                principal=by or principal(subject="grace", roles=("administrator",)),
                tenant_id=TENANT,
                tenant="acme",
                invocation_id=invocation_id,
                approved=approved,
            )
        )
