"""The turn's phases, its driver, and the use cases of the conversation and tools contexts."""

from dataclasses import dataclass

from adapters.local.provider_health import LocalProviderHealth
from adapters.schema.arguments import JsonSchemaArguments
from adapters.tools.native import NativeTools
from adapters.tools.router import ToolRouter
from application.authorization.authorize import Authorize
from application.capability.ports import ProviderHealth
from application.conversation.cancel_turn import CancelTurn
from application.conversation.continue_decided import ContinueDecided, SweepDecided
from application.conversation.continue_turns import ResumePaused, StartPromoted
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
from application.conversation.ports.observing import TurnObserver
from application.conversation.prepare_turn import PrepareTurn
from application.conversation.process_message import ProcessMessage
from application.conversation.renew_reservation import RenewReservation
from application.conversation.suspend_turn import SuspendTurn
from application.conversation.take_over import TakeOver
from application.conversation.tend_turns import HearSignal, SweepTurns
from application.conversation.turn_drivers import TurnDrivers
from application.conversation.watch_turn import Watchers, WatchTurn
from application.provenance.ports import SealBell
from application.tenancy.read_subscription import ReadSubscription
from application.tools.ports import ArgumentChecker, ToolRunner
from application.tools.recover_call import RecoverCall
from domain.kernel.resilience import Guarded
from entrypoints.assembly.models import Models
from entrypoints.assembly.own_tools import OWN_TOOLS
from entrypoints.assembly.stores import Stores
from entrypoints.assembly.system import System
from entrypoints.assembly.use_cases import CapabilityUseCases, CapsuleUseCases


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolbox:
    """The tools of this process, what checks their arguments, and their circuit breakers."""

    runner: ToolRunner
    checker: ArgumentChecker
    health: ProviderHealth


def toolbox(stores: Stores, system: System, served: ToolRunner) -> Toolbox:
    """The tools of this service, and those that others serve, which are named otherwise."""
    native = NativeTools([make(stores, system) for make in OWN_TOOLS.values()])
    return Toolbox(
        runner=ToolRouter([native, served]),
        checker=JsonSchemaArguments(),
        health=LocalProviderHealth(system.clock, Guarded.TOOL),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Everything that begins, drives, watches and ends turns in one process."""

    drivers: TurnDrivers
    process: ProcessMessage
    watch: WatchTurn
    cancel: CancelTurn
    go_on: ContinueDecided
    start_promoted: StartPromoted
    sweep: SweepTurns
    sweep_decided: SweepDecided
    hear: HearSignal


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnParts:
    """What turns are made of."""

    stores: Stores
    system: System
    models: Models
    tools: Toolbox
    authorize: Authorize
    subscription: ReadSubscription
    capsules: CapsuleUseCases
    capabilities: CapabilityUseCases
    bell: SealBell
    observer: TurnObserver
    lease_seconds: float
    deadline_seconds: float


def turns(parts: TurnParts) -> Turns:
    stores, system = parts.stores, parts.system
    drivers = TurnDrivers(
        leases=stores.leases,
        signals=stores.signals,
        clock=system.clock,
        lease_seconds=parts.lease_seconds,
    )
    save = SaveTurn(
        journal=stores.journal,
        effects=stores.effects,
        invocations=stores.invocations,
        drivers=drivers,
        bell=parts.bell,
        json=system.json,
        clock=system.clock,
        identifiers=system.identifiers,
    )
    renew = RenewReservation(
        journal=stores.journal, clock=system.clock, identifiers=system.identifiers
    )
    drive = _drive(parts, drivers, save, renew)
    prepare = PrepareTurn(
        load_capsule=parts.capsules.load,
        derive=DeriveSettings(
            authorize=parts.authorize,
            select=parts.capabilities.select,
            runner=parts.tools.runner,
            subscription=parts.subscription,
        ),
        build_context=BuildContext(counter=parts.models.counter),
    )
    end = EndTurn(
        save=save,
        reader=stores.reader,
        signals=stores.signals,
        clock=system.clock,
        identifiers=system.identifiers,
    )
    watchers = Watchers()
    start_promoted = StartPromoted(
        leases=stores.leases,
        reader=stores.reader,
        prepare=prepare,
        drivers=drivers,
        drive=drive,
        clock=system.clock,
    )
    go_on = ContinueDecided(
        resume=ResumePaused(
            journal=stores.journal,
            reader=stores.reader,
            prepare=prepare,
            drivers=drivers,
            drive=drive,
            clock=system.clock,
            identifiers=system.identifiers,
            longest=parts.deadline_seconds,
        ),
        end=end,
    )
    return Turns(
        drivers=drivers,
        process=ProcessMessage(
            reader=stores.reader,
            prepare=prepare,
            journal=stores.journal,
            drivers=drivers,
            drive=drive,
            clock=system.clock,
            identifiers=system.identifiers,
            longest=parts.deadline_seconds,
        ),
        watch=WatchTurn(
            reader=stores.reader, signals=stores.signals, drivers=drivers, watchers=watchers
        ),
        cancel=CancelTurn(
            reader=stores.reader,
            signals=stores.signals,
            drivers=drivers,
            watchers=watchers,
            end=end,
        ),
        go_on=go_on,
        start_promoted=start_promoted,
        sweep=SweepTurns(
            leases=stores.leases,
            reader=stores.reader,
            end=end,
            take_over=TakeOver(
                reader=stores.reader,
                signals=stores.signals,
                prepare=prepare,
                renew=renew,
                drivers=drivers,
                drive=drive,
                end=end,
                counter=parts.models.counter,
                json=system.json,
                clock=system.clock,
            ),
            drivers=drivers,
            observer=parts.observer,
        ),
        sweep_decided=SweepDecided(leases=stores.leases, go_on=go_on, observer=parts.observer),
        hear=HearSignal(drivers=drivers, watchers=watchers, start_promoted=start_promoted),
    )


def _drive(
    parts: TurnParts, drivers: TurnDrivers, save: SaveTurn, renew: RenewReservation
) -> DriveTurn:
    stores, system = parts.stores, parts.system
    return DriveTurn(
        recall=RecallMemories(memories=stores.memories, counter=parts.models.counter),
        reason=Reason(
            call_model=CallModel(
                model=parts.models.model,
                counter=parts.models.counter,
                health=parts.capabilities.health,
                clock=system.clock,
            ),
            run_tools=RunTools(
                make=MakeCall(
                    runner=parts.tools.runner,
                    recover=RecoverCall(runner=parts.tools.runner),
                    health=parts.tools.health,
                    clock=system.clock,
                ),
                checker=parts.tools.checker,
                authorize=parts.authorize,
                health=parts.tools.health,
                journal=stores.journal,
                effects=stores.effects,
                json=system.json,
                clock=system.clock,
                identifiers=system.identifiers,
            ),
            renew=renew,
            counter=parts.models.counter,
        ),
        save=save,
        suspend=SuspendTurn(
            journal=stores.journal,
            drivers=drivers,
            clock=system.clock,
            times=stores.clock,
            identifiers=system.identifiers,
        ),
        observer=parts.observer,
        signals=stores.signals,
        clock=system.clock,
        identifiers=system.identifiers,
    )
