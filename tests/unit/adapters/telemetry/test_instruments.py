"""Counters, histograms and gauges, as a scrape sees them."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from adapters.telemetry.catalogue import (
    CALL_SECONDS,
    CALLS,
    CALLS_IN_FLIGHT,
    OVERRUN,
    PHASE_SECONDS,
    REFUSALS,
)
from adapters.telemetry.instruments import SECONDS, Metrics
from adapters.telemetry.label_bounds import METHODS


def samples(metrics: Metrics, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Every sample of this name, by the values of these labels."""
    return {
        tuple(sample.labels[label] for label in labels): sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
        if sample.name == name
    }


def test_a_counter_adds_up_for_each_set_of_labels() -> None:
    metrics = Metrics()

    metrics.counters[CALLS].add("Recall", "OK")
    metrics.counters[CALLS].add("Recall", "OK", amount=2)
    metrics.counters[CALLS].add("Recall", "NOT_FOUND")

    assert samples(metrics, CALLS, "method", "code") == {
        ("Recall", "OK"): 3,
        ("Recall", "NOT_FOUND"): 1,
    }


def test_a_value_that_is_not_declared_is_other() -> None:
    metrics = Metrics()

    metrics.counters[CALLS].add("Recall", "WEIRD")
    metrics.counters[CALLS].add("Recall", "STRANGE")

    assert samples(metrics, CALLS, "method", "code") == {("Recall", "other"): 2}


def test_however_many_values_are_sent_the_series_are_bounded() -> None:
    metrics = Metrics()

    for number in range(METHODS * 3):
        metrics.counters[CALLS].add(f"Method{number}", "OK")
        metrics.histograms[CALL_SECONDS].observe(1.0, f"Method{number}")

    assert len(samples(metrics, CALLS, "method", "code")) == METHODS + 1
    assert samples(metrics, CALLS, "method", "code")["other", "OK"] == METHODS * 2
    assert len(samples(metrics, f"{CALL_SECONDS}_count", "method")) == METHODS + 1


@given(st.lists(st.floats(0, 1000), max_size=30))
def test_a_histogram_counts_each_time_in_every_bucket_above_it(times: list[float]) -> None:
    metrics = Metrics()

    for time in times:
        metrics.histograms[PHASE_SECONDS].observe(time, "model")

    buckets = samples(metrics, f"{PHASE_SECONDS}_bucket", "phase", "le")
    for bound in SECONDS if times else ():
        assert buckets["model", str(bound)] == sum(time <= bound for time in times)
    assert samples(metrics, f"{PHASE_SECONDS}_count", "phase").get(("model",), 0) == len(times)


def test_a_gauge_is_asked_when_it_is_looked_at() -> None:
    metrics = Metrics()
    level = [1.0]
    metrics.gauges[CALLS_IN_FLIGHT].read = lambda: level[0]

    before = samples(metrics, CALLS_IN_FLIGHT)
    level[0] = 7

    assert (before, samples(metrics, CALLS_IN_FLIGHT)) == ({(): 1}, {(): 7})


def test_levels_are_asked_for_each_value_of_their_label() -> None:
    metrics = Metrics()
    metrics.levels[OVERRUN].read = lambda: {("tokens",): 7, ("apples",): 2, ("pears",): 1}

    assert samples(metrics, OVERRUN, "metric") == {("tokens",): 7, ("other",): 2}


def test_a_hostile_label_value_is_escaped() -> None:
    metrics = Metrics()

    metrics.counters[REFUSALS].add('a"b\n} 9')

    assert samples(metrics, REFUSALS, "reason") == {('a"b\n} 9',): 1}


def test_the_process_itself_is_measured() -> None:
    assert "process_resident_memory_bytes" in Metrics().exposition().decode()
