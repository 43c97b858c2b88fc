"""Which traces are recorded, and how spans stand to one another."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from adapters.telemetry.export import BatchedSpans
from adapters.telemetry.tracing import Ended, NoSpans, Place, Tracer

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNRECORDED = PARENT[:-1] + "0"
TRACE = 0x0AF7651916CD43DD8448EB211C80319C
SPAN = 0xB7AD6B7169203331


@dataclass(slots=True)
class Kept:
    spans: list[tuple[Ended, Place]] = field(default_factory=list[tuple[Ended, Place]])

    def record(self, ended: Ended, place: Place) -> None:
        self.spans.append((ended, place))


def work(name: str = "x", failed: str = "") -> Ended:
    return Ended(name=name, start=1, end=5, failed=failed, facts={"a": 1})


def test_a_call_goes_on_in_the_trace_it_came_with() -> None:
    own = Tracer(0, Kept()).begin(PARENT)

    assert own.split("-")[1] == PARENT.split("-")[1]
    assert own.split("-")[2] != PARENT.split("-")[2]
    assert own.endswith("-01")


@pytest.mark.parametrize(("parent", "recorded"), [(PARENT, True), (UNRECORDED, False)])
def test_the_caller_decides_where_it_says_so(parent: str, recorded: bool) -> None:  # noqa: FBT001 - a parameter of the test
    for ratio in (0.0, 1.0):
        tracer = Tracer(ratio, Kept())

        assert tracer.recorded(tracer.begin(parent)) is recorded


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_where_nobody_says_so_the_ratio_decides(ratio: float) -> None:
    tracer = Tracer(ratio, Kept())

    assert tracer.recorded(tracer.begin("")) is bool(ratio)


@given(st.integers(1, 2**128 - 1), st.floats(0, 1))
def test_every_server_decides_alike_about_a_trace(trace: int, ratio: float) -> None:
    assert Tracer(ratio, Kept()).samples(trace) is Tracer(ratio, NoSpans()).samples(trace)


@given(st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{30,34}-[0-9a-f]{14,18}-.*"))
def test_whatever_comes_as_a_traceparent_a_good_one_is_made_of_it(given_text: str) -> None:
    tracer = Tracer(0.5, Kept())

    own = tracer.begin(given_text)

    assert tracer.begin(own).split("-")[1] == own.split("-")[1]


def test_a_span_stands_below_what_it_came_with() -> None:
    kept = Kept()
    tracer = Tracer(1, kept)
    own = tracer.begin(PARENT)

    tracer.end(work(), own, PARENT)

    ((_, place),) = kept.spans
    assert (place.trace, place.parent, place.serves) == (TRACE, SPAN, True)
    assert place.span == int(own.split("-")[2], 16)


@pytest.mark.parametrize(("below", "trace", "parent"), [(PARENT, TRACE, SPAN), ("", 99, 0)])
def test_the_parts_of_a_work_stand_below_it(below: str, trace: int, parent: int) -> None:
    kept = Kept()

    Tracer(1, kept).tree(
        work("turn"), (work("phase a"), work("phase b")), below=below, otherwise=99
    )

    (_, root), *parts = kept.spans
    assert root.parent == parent
    assert [place.parent for _, place in parts] == [root.span, root.span]
    assert {place.trace for _, place in kept.spans} == {trace}


def test_spans_are_exported_with_their_times_and_their_failure() -> None:
    exporter = InMemorySpanExporter()
    spans = BatchedSpans(exporter, version="1.2.3")

    spans.record(work("turn", failed="MODEL_FAILED"), Place(trace=TRACE, span=7))
    spans.record(work("phase"), Place(trace=TRACE, span=8, parent=7))
    spans.close()

    turn, phase = exporter.get_finished_spans()
    assert (turn.start_time, turn.end_time, turn.parent) == (1, 5, None)
    assert turn.status.status_code is StatusCode.ERROR
    assert turn.resource.attributes["service.version"] == "1.2.3"
    assert phase.parent is not None
    assert phase.parent.span_id == 7
