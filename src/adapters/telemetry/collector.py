"""Posts spans to a collector over OTLP/HTTP, with what Python brings."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from logging import getLogger
from typing import Final, final
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

LOG: Final = getLogger("somagent.telemetry")

_TAKEN: Final = range(200, 300)


@final
class Collector(SpanExporter):
    """One batch is one request on a connection of its own; it is called from a thread.

    OpenTelemetry's own exporter does the same with 5 MB of libraries. What the collector does not
    take at once is dropped, and a line in the log says so.
    """

    def __init__(self, endpoint: str, headers: Mapping[str, str], seconds: float) -> None:
        address = urlsplit(endpoint)
        self._connection = HTTPSConnection if address.scheme == "https" else HTTPConnection
        self._host = address.netloc
        self._path = address._replace(scheme="", netloc="").geturl() or "/"
        self._headers = {**headers, "Content-Type": "application/x-protobuf"}
        self._seconds = seconds

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        body = encode_spans(spans).SerializeToString()
        try:
            with closing(self._connection(self._host, timeout=self._seconds)) as connection:
                connection.request("POST", self._path, body, self._headers)
                status = connection.getresponse().status
        except (OSError, HTTPException) as error:
            LOG.warning("spans were dropped: %s", type(error).__name__)
            return SpanExportResult.FAILURE
        if status in _TAKEN:
            return SpanExportResult.SUCCESS
        LOG.warning("spans were dropped: the collector answered %d", status)
        return SpanExportResult.FAILURE
