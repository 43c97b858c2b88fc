"""What is counted, logged and traced of calls and turns."""

import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from uuid import UUID

from prometheus_client.parser import text_string_to_metric_families

from adapters.telemetry.calls import ObservedCalls
from adapters.telemetry.instruments import Metrics
from adapters.telemetry.logs import logs
from adapters.telemetry.losses import ObservedLosses
from adapters.telemetry.reconciling import ObservedPasses
from adapters.telemetry.tracing import Ended, Place, Tracer
from adapters.telemetry.turns import ObservedTurns
from application.conversation.ports.observing import TakenOver, TurnSummary
from domain.conversation.phase import Attempt, Phase, PhaseStatus, PhaseTime
from domain.conversation.turn import TurnState, Usage
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import TurnId
from domain.operations.finding import Look
from domain.tools.invocation import InvocationState
from entrypoints.grpc.caller import EndedCall
from tests.builders import TENANT
from tests.fakes import StoppedClock

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OWN = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
TURN = TurnId(UUID("0198f2a0-0000-7000-8000-00000000000b"))
METHOD = "somagent.memory.v1.MemoryService/Recall"


@dataclass(slots=True)
class Kept:
    spans: list[tuple[Ended, Place]] = field(default_factory=list[tuple[Ended, Place]])

    def record(self, ended: Ended, place: Place) -> None:
        self.spans.append((ended, place))


@contextmanager
def written() -> Generator[list[dict[str, object]]]:
    """What was written to the log, once the context is left."""
    stream, lines = StringIO(), list[dict[str, object]]()
    with logs(level="info", json=True, stream=stream):
        yield lines
    lines += [json.loads(line) for line in stream.getvalue().splitlines()]


def sums(metrics: Metrics) -> dict[str, float]:
    """Every sample that is no bucket, by its name and the values of its labels."""
    return {
        " ".join((sample.name.removeprefix("somagent_"), *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
        if sample.name.startswith("somagent_") and "le" not in sample.labels
    }


def ended(code: str = "OK", reason: str = "") -> EndedCall:
    return EndedCall(
        method=METHOD,
        parent=PARENT,
        traceparent=OWN,
        code=code,
        reason=reason,
        tenant="acme",
        seconds=0.5,
    )


def calls(metrics: Metrics, kept: Kept, log_ratio: float = 0) -> ObservedCalls:
    return ObservedCalls(
        metrics=metrics, tracer=Tracer(0, kept), clock=StoppedClock(), log_ratio=log_ratio
    )


def summary(state: TurnState = TurnState.COMPLETED, reason: str = "") -> TurnSummary:
    return TurnSummary(
        turn_id=TURN,
        state=state,
        reason=reason,
        began=-2.0,
        times=(
            PhaseTime(Phase.MODEL, 100, 1_500_000),
            PhaseTime(Phase.MEMORY, 50, 10, PhaseStatus.DEGRADED, "memory is away"),
        ),
        attempts=(
            Attempt(
                capability="c",
                provider="scripted",
                model="m",
                round=0,
                outcome="ok",
                first_byte_us=20_000,
            ),
        ),
        usage=Usage(prompt_tokens=7, completion_tokens=5, tool_calls=2, provider_cost_micro_usd=11),
    )


def turns(metrics: Metrics, kept: Kept, trace: str = "") -> ObservedTurns:
    return ObservedTurns(
        metrics=metrics,
        tracer=Tracer(0, kept),
        clock=StoppedClock(),
        log_ratio=0,
        trace=lambda: trace,
    )


def test_a_call_is_counted_by_method_and_code_and_timed() -> None:
    metrics = Metrics()

    calls(metrics, Kept()).ended(ended("NOT_FOUND", reason="TURN_NOT_FOUND"))

    found = sums(metrics)
    assert found[f"calls_total NOT_FOUND {METHOD}"] == 1
    assert found[f"call_seconds_sum {METHOD}"] == 0.5
    assert found["refusals_total TURN_NOT_FOUND"] == 1


def test_a_defect_is_counted_and_logged_with_its_traceback_and_without_its_secrets() -> None:
    metrics = Metrics()
    call = ended("INTERNAL", reason="INTERNAL")
    call.defect = RuntimeError("postgresql://ada:hunter2hunter2@db")

    with written() as lines:
        calls(metrics, Kept()).ended(call)

    (line,) = lines
    assert sums(metrics)["defects_total"] == 1
    assert (line["level"], line["request"]) == ("error", OWN.split("-")[1])
    assert "RuntimeError" in str(line["exception"])
    assert "hunter2" not in str(line)


def test_a_share_of_the_calls_is_logged_and_every_failure_of_the_server() -> None:
    with written() as lines:
        observer = calls(Metrics(), Kept(), log_ratio=0.1)
        for _ in range(20):
            observer.ended(ended())
        observer.ended(ended("UNAVAILABLE", reason="OVERLOADED"))

    assert [line["code"] for line in lines] == ["OK", "OK", "UNAVAILABLE"]


def test_a_recorded_call_becomes_a_span_with_the_times_it_took() -> None:
    kept = Kept()

    calls(Metrics(), kept).ended(ended())

    ((span, place),) = kept.spans
    assert (span.name, span.end - span.start) == (METHOD, 500_000_000)
    assert (place.span, place.parent) == (0x00F067AA0BA902B7, 0xB7AD6B7169203331)


def test_a_call_of_a_trace_that_is_not_recorded_leaves_no_span() -> None:
    kept = Kept()
    call = ended()
    call.traceparent = OWN[:-1] + "0"

    calls(Metrics(), kept).ended(call)

    assert kept.spans == []


def test_a_turn_is_counted_with_its_phases_its_use_and_its_model_calls() -> None:
    metrics = Metrics()

    turns(metrics, Kept()).turn_ended(summary())

    found = sums(metrics)
    assert found["turns_total completed"] == 1
    assert found["turn_seconds_sum completed"] == 2.0
    assert found["phase_seconds_sum model"] == 1.5
    assert found["phase_troubles_total memory degraded"] == 1
    assert (found["turn_tokens_total prompt"], found["turn_tokens_total completion"]) == (7, 5)
    assert (found["turn_tool_calls_total"], found["provider_cost_micro_usd_total"]) == (2, 11)
    assert found["model_attempts_total ok scripted"] == 1
    assert found["model_first_byte_seconds_sum scripted"] == 0.02


def test_a_failed_turn_is_logged_by_its_reason() -> None:
    metrics = Metrics()

    with written() as lines:
        turns(metrics, Kept()).turn_ended(summary(TurnState.FAILED, "MODEL_FAILED"))

    (line,) = lines
    assert sums(metrics)["turn_failures_total MODEL_FAILED"] == 1
    assert (line["level"], line["turn"], line["reason"]) == ("warning", str(TURN), "MODEL_FAILED")


def test_the_phases_of_a_recorded_turn_become_spans_below_its_call() -> None:
    kept = Kept()

    turns(Metrics(), kept, OWN).turn_ended(summary())

    (turn, place), (model, below), _ = kept.spans
    assert (turn.name, turn.end - turn.start) == ("turn", 2_000_000_000)
    assert place.parent == 0x00F067AA0BA902B7
    assert (model.name, model.start - turn.start) == ("phase model", 100_000)
    assert model.end - model.start == 1_500_000_000
    assert below.parent == place.span


def test_a_broken_driver_is_a_defect_in_the_log() -> None:
    metrics = Metrics()

    with written() as lines:
        turns(metrics, Kept()).broke(TURN, RuntimeError("boom"))

    assert sums(metrics)["defects_total"] == 1
    assert (lines[0]["turn"], lines[0]["level"]) == (str(TURN), "error")
    assert logging.getLogger("somagent").handlers == []


def test_what_lost_servers_left_behind_is_counted_by_what_became_of_it() -> None:
    metrics = Metrics()
    observer, losses = turns(metrics, Kept()), ObservedLosses(metrics)

    for became in TakenOver:
        observer.taken_over(became)
    losses.recovered(InvocationState.UNKNOWN)
    losses.released(3)

    found = sums(metrics)
    assert {became: found[f"lost_turns_total {became}"] for became in TakenOver} == dict.fromkeys(
        TakenOver, 1
    )
    assert found["lost_calls_total unknown"] == 1
    assert found["lost_reservations_total settled"] == 4
    assert found["lost_reservations_total released"] == 3


def test_what_a_reconciliation_could_not_look_at_is_counted_and_a_defect_has_its_trace() -> None:
    metrics = Metrics()
    with written() as lines:
        passes = ObservedPasses(metrics)
        passes.unchecked(Look.USAGE, TENANT, StorageUnavailableError())
        passes.unchecked(Look.OVERDUE, None, ValueError("broken"))

    found = sums(metrics)
    assert found["reconciliation_unchecked_total usage"] == 1
    assert found["reconciliation_unchecked_total overdue"] == 1
    assert found["defects_total"] == 1
    assert [(line["look"], line["of"]) for line in lines] == [
        ("usage", str(TENANT)), ("overdue", "all")
    ]  # fmt: skip
    assert ["exception" in line for line in lines] == [False, True]
