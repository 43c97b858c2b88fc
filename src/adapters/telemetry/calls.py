"""Measures, logs and traces the calls of the API."""

import logging
from typing import Final, Protocol, final

from adapters.telemetry.catalogue import CALL_SECONDS, CALLS, DEFECTS, REFUSALS
from adapters.telemetry.instruments import Metrics
from adapters.telemetry.logs import Share
from adapters.telemetry.tracing import Ended, Tracer
from application.kernel.ports import Clock

LOG: Final = logging.getLogger("somagent.calls")

FAILURES: Final = frozenset({"INTERNAL", "UNKNOWN", "UNAVAILABLE", "DATA_LOSS"})
"""The server's own failures: each of them is logged."""

_NANO: Final = 1_000_000_000


class EndedCall(Protocol):
    """What is told of a call; see `entrypoints.grpc.caller`."""

    @property
    def method(self) -> str: ...
    @property
    def parent(self) -> str: ...
    @property
    def traceparent(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def seconds(self) -> float: ...
    @property
    def defect(self) -> BaseException | None: ...


@final
class ObservedCalls:
    """One line in the log for a share of the calls, a span for those of recorded traces."""

    def __init__(self, *, metrics: Metrics, tracer: Tracer, clock: Clock, log_ratio: float) -> None:
        self._calls = metrics.counters[CALLS]
        self._seconds = metrics.histograms[CALL_SECONDS]
        self._refusals = metrics.counters[REFUSALS]
        self._defects = metrics.counters[DEFECTS]
        self._tracer = tracer
        self._clock = clock
        self._share = Share(log_ratio)

    def began(self, traceparent: str) -> str:
        return self._tracer.begin(traceparent)

    def ended(self, call: EndedCall) -> None:
        self._calls.add(call.method, call.code)
        self._seconds.observe(call.seconds, call.method)
        if call.reason:
            self._refusals.add(call.reason)
        if call.defect is not None:
            self._defects.add()
        if self._share.takes() or call.code in FAILURES:
            self._log(call)
        if self._tracer.recorded(call.traceparent):
            self._trace(call)

    def _log(self, call: EndedCall) -> None:
        facts = {
            "method": call.method,
            "code": call.code,
            "reason": call.reason,
            "tenant": call.tenant,
            "subject": call.subject,
            "milliseconds": round(call.seconds * 1000, 3),
            "request": call.traceparent.split("-")[1],
        }
        level = logging.ERROR if call.code in FAILURES else logging.INFO
        LOG.log(level, "%s %s", call.method, call.code, extra=facts, exc_info=call.defect)

    def _trace(self, call: EndedCall) -> None:
        end = round(self._clock.now().timestamp() * _NANO)
        self._tracer.end(
            Ended(
                name=call.method,
                start=end - round(call.seconds * _NANO),
                end=end,
                failed=call.reason if call.code in FAILURES else "",
                facts={
                    "rpc.system": "grpc",
                    "rpc.method": call.method,
                    "rpc.grpc.status": call.code,
                    "somagent.reason": call.reason,
                    "somagent.tenant": call.tenant,
                },
            ),
            call.traceparent,
            call.parent,
        )
