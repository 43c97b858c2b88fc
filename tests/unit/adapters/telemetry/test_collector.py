"""Spans on their way to a collector: how they are sent, and that their loss harms nobody."""

from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext, TraceFlags

from adapters.telemetry.collector import Collector

SECONDS = 60.0
SPAN = ReadableSpan(
    name="turn",
    context=SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)),
    start_time=1,
    end_time=2,
)


class Sent:
    path = ""
    kind = ""
    key = ""
    body = b""


@contextmanager
def collector(status: int, sent: Sent) -> Generator[str]:
    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.path, sent.kind = self.path, self.headers["Content-Type"]
            sent.key = self.headers["X-Key"]
            sent.body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Nobody reads it."""

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_spans_are_posted_as_protobuf_with_the_headers_that_were_set() -> None:
    sent = Sent()

    with collector(200, sent) as address:
        endpoint = f"http://{address}/v1/traces?tenant=a"
        answer = Collector(endpoint, {"X-Key": "secret"}, SECONDS).export([SPAN])

    assert answer is SpanExportResult.SUCCESS
    assert (sent.path, sent.kind, sent.key) == (
        "/v1/traces?tenant=a", "application/x-protobuf", "secret",
    )  # fmt: skip
    request = ExportTraceServiceRequest.FromString(sent.body)
    assert [one.name for one in request.resource_spans[0].scope_spans[0].spans] == ["turn"]


@pytest.mark.parametrize("status", [301, 400, 429, 503])
def test_what_the_collector_refuses_is_dropped(status: int) -> None:
    with collector(status, Sent()) as address:
        answer = Collector(f"http://{address}/v1/traces", {}, SECONDS).export([SPAN])

    assert answer is SpanExportResult.FAILURE


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_collector_that_is_not_there_harms_nobody(scheme: str) -> None:
    with collector(200, Sent()) as gone:
        pass

    answer = Collector(f"{scheme}://{gone}/v1/traces", {}, SECONDS).export([SPAN])

    assert answer is SpanExportResult.FAILURE
