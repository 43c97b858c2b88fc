"""Sends spans to a collector over OTLP/HTTP. Imported where one is configured."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Final, final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from adapters.telemetry.collector import Collector
from adapters.telemetry.tracing import Ended, Place

SCOPE: Final = InstrumentationScope("somagent")
EXPORT_SECONDS: Final = 5.0


@final
class BatchedSpans:
    """Spans go in batches from a thread of its own; what the collector cannot take is dropped."""

    def __init__(self, exporter: SpanExporter, *, version: str) -> None:
        self._resource = Resource({"service.name": "somagent", "service.version": version})
        self._processor = BatchSpanProcessor(exporter)
        self._provider = TracerProvider(resource=self._resource, shutdown_on_exit=False)
        self._provider.add_span_processor(self._processor)

    def record(self, ended: Ended, place: Place) -> None:
        failed = Status(StatusCode.ERROR, ended.failed)
        self._processor.on_end(
            ReadableSpan(
                name=ended.name,
                context=_context(place.trace, place.span),
                parent=_context(place.trace, place.parent) if place.parent else None,
                resource=self._resource,
                attributes=ended.facts,
                kind=SpanKind.SERVER if place.serves else SpanKind.INTERNAL,
                status=failed if ended.failed else Status(StatusCode.OK),
                start_time=ended.start,
                end_time=ended.end,
                instrumentation_scope=SCOPE,
            )
        )

    def close(self) -> None:
        """Send what waits; blocks, for some seconds at most."""
        self._provider.shutdown()


@asynccontextmanager
async def exported_spans(
    *, endpoint: str, headers: Mapping[str, str], version: str
) -> AsyncGenerator[BatchedSpans]:
    """Spans for the collector at this URL; leaving sends what waits."""
    spans = BatchedSpans(Collector(endpoint, headers, EXPORT_SECONDS), version=version)
    try:
        yield spans
    finally:
        await asyncio.to_thread(spans.close)


def _context(trace: int, span: int) -> SpanContext:
    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
