"""Counters, gauges and histograms of one event loop: no locks, and nothing looked up twice.

prometheus_client's own take 2 to 4 µs an observation for the sake of threads; these take a third of
one, which is what a phase of a turn may cost. Its part is the exposition.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from adapters.telemetry.catalogue import CATALOGUE
from adapters.telemetry.declared import Declared, Kind

OTHER: Final = "other"
"""The value of a label that is not one of its declared ones, or one too many."""

SECONDS: Final = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
    120.0,
    300.0,
)
"""Bounds of the buckets of every time."""


@final
class Labels:
    """The values that a metric was seen with; their number is bounded, whatever callers send."""

    def __init__(self, declared: Declared) -> None:
        self._bounds = tuple(declared.labels.values())
        self._seen: list[set[str]] = [set() for _ in self._bounds]

    def bounded(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The values, with `other` for those that are not declared or exceed the bound."""
        return tuple(
            self._one(value, bound, seen)
            for value, bound, seen in zip(values, self._bounds, self._seen, strict=True)
        )

    def _one(self, value: str, bound: frozenset[str] | int, seen: set[str]) -> str:
        if not isinstance(bound, int):
            return value if value in bound else OTHER
        if value not in seen:
            if len(seen) >= bound:
                return OTHER
            seen.add(value)
        return value


@final
class Counter:
    """A sum that only grows, for each set of label values."""

    def __init__(self, declared: Declared) -> None:
        self.declared = declared
        self._labels = Labels(declared)
        self._sums: dict[tuple[str, ...], float] = {}

    def add(self, *labels: str, amount: float = 1) -> None:
        if labels not in self._sums:
            labels = self._labels.bounded(labels)
        self._sums[labels] = self._sums.get(labels, 0) + amount

    def family(self) -> Metric:
        family = CounterMetricFamily(
            self.declared.name.removesuffix("_total"),
            self.declared.help,
            labels=list(self.declared.labels),
        )
        for names, total in self._sums.items():
            family.add_metric(list(names), total)
        return family


@final
class Histogram:
    """Times in seconds, for each set of label values."""

    def __init__(self, declared: Declared) -> None:
        self.declared = declared
        self._labels = Labels(declared)
        self._series: dict[tuple[str, ...], Series] = {}

    def observe(self, seconds: float, *labels: str) -> None:
        series = self._series.get(labels)
        if series is None:
            series = self._series.setdefault(self._labels.bounded(labels), Series())
        series.counts[bisect_left(SECONDS, seconds)] += 1
        series.total += seconds

    def family(self) -> Metric:
        family = HistogramMetricFamily(
            self.declared.name, self.declared.help, labels=list(self.declared.labels)
        )
        for names, series in self._series.items():
            family.add_metric(list(names), list(series.buckets()), series.total)
        return family


@final
class Series:
    """How many times fell into each bucket, and their sum."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(SECONDS) + 1)
        self.total = 0.0

    def buckets(self) -> Iterator[tuple[str, float]]:
        below = 0
        for bound, count in zip((*map(str, SECONDS), "+Inf"), self.counts, strict=True):
            below += count
            yield bound, below


@final
class Gauge:
    """A level that is asked for when it is looked at."""

    def __init__(self, declared: Declared) -> None:
        self.declared = declared
        self.read: Callable[[], float] = float

    def family(self) -> Metric:
        family = GaugeMetricFamily(self.declared.name, self.declared.help)
        family.add_metric([], self.read())
        return family


@final
class Levels:
    """A level for each set of label values, asked for when they are looked at."""

    def __init__(self, declared: Declared) -> None:
        self.declared = declared
        self.read: Callable[[], Mapping[tuple[str, ...], float]] = dict

    def family(self) -> Metric:
        family = GaugeMetricFamily(
            self.declared.name, self.declared.help, labels=list(self.declared.labels)
        )
        labels, levels = Labels(self.declared), dict[tuple[str, ...], float]()
        for values, level in self.read().items():
            bounded = labels.bounded(values)
            # Of those beyond the bound, which share a name, the highest shows.
            levels[bounded] = max(level, levels.get(bounded, level))
        for bounded, level in levels.items():
            family.add_metric(list(bounded), level)
        return family


@final
class Metrics(Collector):
    """Every metric of the catalogue, and the process' own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.counters = {one.name: Counter(one) for one in _of(Kind.COUNTER)}
        self.histograms = {one.name: Histogram(one) for one in _of(Kind.HISTOGRAM)}
        self.gauges = {one.name: Gauge(one) for one in _of(Kind.GAUGE) if not one.labels}
        self.levels = {one.name: Levels(one) for one in _of(Kind.GAUGE) if one.labels}
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def exposition(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        families: Mapping[str, Counter | Histogram | Gauge | Levels]
        for families in (self.counters, self.histograms, self.gauges, self.levels):
            yield from (one.family() for one in families.values())


def _of(kind: Kind) -> Iterator[Declared]:
    return (one for one in CATALOGUE if one.kind is kind)
