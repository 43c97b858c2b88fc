"""What measures this process: metrics always, spans where a collector is configured."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass

from adapters.telemetry.calls import ObservedCalls
from adapters.telemetry.catalogue import (
    CALLS_IN_FLIGHT,
    FINDINGS,
    OLDEST_UNSEALED,
    OUTBOX_AGE,
    OUTBOX_EVENTS,
    OVERRUN,
    TURNS_RUNNING,
    UNSEALED,
)
from adapters.telemetry.consumption import ObservedConsumption
from adapters.telemetry.instruments import Metrics
from adapters.telemetry.logs import logs
from adapters.telemetry.losses import ObservedLosses
from adapters.telemetry.publishing import ObservedPublisher
from adapters.telemetry.reconciling import ObservedPasses
from adapters.telemetry.tracing import NoSpans, SpanSink, Tracer
from adapters.telemetry.turns import ObservedTurns
from application.conversation.ports.observing import TurnObserver
from application.delivery.ports.publisher import EventPublisher
from application.delivery.ports.taking import ConsumptionObserver
from application.kernel.ports import Clock
from application.operations.ports import PassObserver, Standing
from entrypoints.assembly.secrets import SecretKeeper
from entrypoints.grpc.caller import CallObserver
from entrypoints.settings.sections import TelemetrySettings
from entrypoints.settings.settings import Settings
from entrypoints.trace_context import TRACEPARENT
from entrypoints.version import VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    metrics: Metrics
    calls: CallObserver
    turns: TurnObserver
    consumption: ConsumptionObserver
    passes: PassObserver
    losses: ObservedLosses

    def levels(self, *, calls: Callable[[], float], turns: Callable[[], float]) -> None:
        """Let the gauges read what they tell of."""
        self.metrics.gauges[CALLS_IN_FLIGHT].read = calls
        self.metrics.gauges[TURNS_RUNNING].read = turns

    def waiting(self, *, events: Callable[[], float], age: Callable[[], float]) -> None:
        """Let the gauges of the outbox read what they tell of."""
        self.metrics.gauges[OUTBOX_EVENTS].read = events
        self.metrics.gauges[OUTBOX_AGE].read = age

    def observed(self, publisher: EventPublisher) -> EventPublisher:
        """The publisher, with its messages counted."""
        return ObservedPublisher(publisher, self.metrics)

    def standing(self, read: Callable[[], Standing]) -> None:
        """Let the gauges of the whole service read what is known of it."""
        levels, gauges = self.metrics.levels, self.metrics.gauges
        levels[FINDINGS].read = lambda: {(k.value,): n for k, n in read().findings.items()}
        levels[OVERRUN].read = lambda: {(m.value,): n for m, n in read().overrun.items()}
        gauges[UNSEALED].read = lambda: read().unsealed
        gauges[OLDEST_UNSEALED].read = lambda: read().oldest_unsealed_seconds


def logged_passes() -> PassObserver:
    """One that nobody asks for metrics: what it is told is in the log."""
    return ObservedPasses(Metrics())


def written_logs(settings: Settings) -> AbstractContextManager[None]:
    """Write this process's log, as the settings say, for as long as the context is open."""
    return logs(level=settings.telemetry.log_level.value, json=settings.logs_json)


@asynccontextmanager
async def open_telemetry(
    settings: TelemetrySettings, secrets: SecretKeeper, clock: Clock
) -> AsyncGenerator[Telemetry]:
    """Raises: StartError: The export's headers are configured and not set."""
    if not settings.otlp_endpoint:
        yield _telemetry(settings, NoSpans(), clock)
        return
    from adapters.telemetry.export import exported_spans  # noqa: PLC0415 - only for a collector

    headers = await secrets.need(settings.otlp_headers) if settings.otlp_headers else ""
    async with exported_spans(
        endpoint=settings.otlp_endpoint, headers=_headers(headers), version=VERSION
    ) as spans:
        yield _telemetry(settings, spans, clock)


def _telemetry(settings: TelemetrySettings, spans: SpanSink, clock: Clock) -> Telemetry:
    metrics = Metrics()
    tracer = Tracer(settings.trace_ratio, spans)
    ratio = settings.access_log_ratio
    return Telemetry(
        metrics=metrics,
        calls=ObservedCalls(metrics=metrics, tracer=tracer, clock=clock, log_ratio=ratio),
        turns=ObservedTurns(
            metrics=metrics,
            tracer=tracer,
            clock=clock,
            log_ratio=ratio,
            trace=TRACEPARENT.get,
        ),
        consumption=ObservedConsumption(metrics),
        passes=ObservedPasses(metrics),
        losses=ObservedLosses(metrics),
    )


def _headers(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return {name.strip(): value.strip() for name, _, value in pairs}
