"""Where failpoints are put on: in mode test, when they are set, and nowhere else."""

from dataclasses import replace

from adapters.failpoints.calls import with_points
from adapters.failpoints.catalogue import MODEL, WRITER
from adapters.failpoints.failpoints import Failpoints
from adapters.failpoints.language_model import LanguageModelWithPoints
from adapters.failpoints.orders import UnknownFailpointError
from adapters.postgres.writer import WriterSettings
from application.delivery.ports.publisher import EventPublisher
from application.delivery.ports.source import MessageSource
from domain.delivery.errors import PublisherAwayError
from domain.kernel.errors import StorageUnavailableError
from domain.tools.errors import ToolOutcomeUnknownError
from entrypoints.assembly.models import Models
from entrypoints.assembly.stores import Stores
from entrypoints.assembly.turns import Toolbox
from entrypoints.failure import StartError


def failpoints(orders: str) -> Failpoints:
    """Raises: StartError: The setting names no point, or no deed."""
    try:
        return Failpoints.of(orders)
    except UnknownFailpointError as error:
        raise StartError("failpoints", str(error), "see laboratory.failpoints") from error


def writer_with(points: Failpoints) -> WriterSettings:
    """The writer of turns, where an order concerns it with a point after each of its commits."""
    if not points.concern(WRITER):
        return WriterSettings()

    async def reach() -> None:
        await points.reach(f"{WRITER}.after", StorageUnavailableError())

    return WriterSettings(before_answers=reach)


def stores_with(points: Failpoints, stores: Stores) -> Stores:
    """The stores, where an order concerns them with points around their commits."""
    if not points:
        return stores
    lost = StorageUnavailableError
    return replace(
        stores,
        journal=with_points("journal", stores.journal, points, lost),
        leases=with_points("leases", stores.leases, points, lost),
        effects=with_points("effects", stores.effects, points, lost),
        budgets=with_points("budgets", stores.budgets, points, lost),
        sessions=with_points("sessions", stores.sessions, points, lost),
        feedback=with_points("feedback", stores.feedback, points, lost),
        signals=with_points("signals", stores.signals, points, lost),
        claims=with_points("claims", stores.claims, points, lost),
        records=with_points("records", stores.records, points, lost),
        chains=with_points("chains", stores.chains, points, lost),
        outbox=with_points("outbox", stores.outbox, points, lost),
        memories=with_points("memories", stores.memories, points, lost),
        notes=with_points("notes", stores.notes, points, lost),
        capsules=with_points("capsules", stores.capsules, points, lost),
        capabilities=with_points("capabilities", stores.capabilities, points, lost),
        tenants=with_points("tenants", stores.tenants, points, lost),
        keys=with_points("keys", stores.keys, points, lost),
        dead_letters=with_points("letters", stores.dead_letters, points, lost),
        audits=with_points("audits", stores.audits, points, lost),
        warnings=with_points("warnings", stores.warnings, points, lost),
        books=with_points("books", stores.books, points, lost),
        retention=with_points("retention", stores.retention, points, lost),
        storage=with_points("partitions", stores.storage, points, lost),
    )


def _away() -> Exception:
    return PublisherAwayError("a failpoint was ordered to")


def publisher_with(points: Failpoints, publisher: EventPublisher) -> EventPublisher:
    return with_points("publisher", publisher, points, _away)


def source_with(points: Failpoints, source: MessageSource) -> MessageSource:
    """The source; one whose order is to fail breaks its consumer, which reads again then."""
    return with_points("source", source, points, _away)


def models_with(points: Failpoints, models: Models) -> Models:
    if not points.concern(MODEL):
        return models
    return replace(models, model=LanguageModelWithPoints(models.model, points))


def toolbox_with(points: Failpoints, tools: Toolbox) -> Toolbox:
    if not points:
        return tools

    def unknown() -> Exception:
        return ToolOutcomeUnknownError("a tool at a failpoint")

    return replace(tools, runner=with_points("tools", tools.runner, points, unknown))
