"""What operators ask of this server, and what keeps it going beside its calls."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, final

from adapters.postgres.condition import DatabaseUnreachableError, condition_of
from application.delivery.ports.publisher import EventPublisher, PublisherCondition
from application.operations.describe_server import DescribeServer, ServerIdentity
from application.operations.get_reconciliation import GetReconciliation
from application.operations.known_standing import KnownStanding
from application.operations.list_stuck_turns import ListStuckTurns
from application.operations.ports import Bounds, PartCondition, PassObserver
from application.operations.reconcile import Reconcile, ReconcileCommand
from application.provenance.ports import SealBell
from domain.capability.capability import Capability
from domain.operations.finding import Scope
from entrypoints.assembly.models import Models
from entrypoints.assembly.stores import Stores
from entrypoints.assembly.system import System
from entrypoints.settings.keeping import ReconciliationSettings
from entrypoints.settings.settings import Settings

SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsUseCases:
    describe: DescribeServer
    list_stuck_turns: ListStuckTurns
    get_reconciliation: GetReconciliation
    standing: KnownStanding


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ServerParts:
    """The parts under one server: its database, where events go, and the models it offers."""

    database_url: str
    models: Models
    publisher: EventPublisher

    async def conditions(self) -> Sequence[PartCondition]:
        database, broker = await asyncio.gather(self._database(), self.publisher.condition())
        models = (_model(one) for one in self.models.capabilities)
        return [database, _broker(broker), *models]

    async def _database(self) -> PartCondition:
        try:
            async with asyncio.timeout(SECONDS):
                found = await asyncio.to_thread(condition_of, self.database_url)
        except (TimeoutError, DatabaseUnreachableError) as error:
            problem = str(error) or "it did not answer in time"
            return PartCondition(
                name="postgres", kind="database", version="", latency_seconds=0, problem=problem
            )
        return PartCondition(
            name="postgres",
            kind="database",
            version=found.version,
            latency_seconds=found.latency_seconds,
            problem=found.problem,
        )


def _broker(found: PublisherCondition) -> PartCondition:
    return PartCondition(
        name=found.name,
        kind="broker",
        version=found.version,
        latency_seconds=found.latency_seconds,
        problem=found.problem,
    )


def _model(capability: Capability) -> PartCondition:
    return PartCondition(
        name=capability.name,
        kind="model",
        version=capability.model,
        latency_seconds=0,
        problem="" if capability.enabled else "it is switched off",
    )


def operations_use_cases(
    stores: Stores, system: System, identity: ServerIdentity, parts: ServerParts
) -> OperationsUseCases:
    return OperationsUseCases(
        describe=DescribeServer(identity=identity, parts=parts, clock=system.clock),
        list_stuck_turns=ListStuckTurns(turns=stores.stuck_turns),
        get_reconciliation=GetReconciliation(findings=stores.findings),
        standing=KnownStanding(stores.findings),
    )


def reconcile(
    stores: Stores, bell: SealBell, observer: PassObserver, settings: Settings
) -> Reconcile:
    terms = settings.reconciliation
    return Reconcile(
        books=stores.books,
        bell=bell,
        observer=observer,
        renew_seconds=terms.lease_seconds / 3,
        bounds=Bounds(
            lease=timedelta(seconds=settings.turns.lease_seconds),
            open=timedelta(seconds=terms.open_seconds),
            unpublished=timedelta(seconds=terms.unpublished_seconds),
            unsealed=timedelta(seconds=terms.unsealed_seconds),
        ),
    )


def reconciliations(settings: ReconciliationSettings) -> Sequence[ReconcileCommand]:
    """What a server asks for at the interval; each is due when its own time has come."""
    every = {
        Scope.RECENT: timedelta(seconds=settings.interval_seconds),
        Scope.WHOLE: timedelta(hours=settings.whole_hours),
    }
    return [
        ReconcileCommand(
            scope=scope,
            every=time,
            recent=timedelta(seconds=settings.recent_seconds),
            repair=settings.repair,
        )
        for scope, time in every.items()
    ]
