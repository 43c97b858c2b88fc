"""From samples to figures: medians, percentiles, and the ratios of neighbours in time."""

import re
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Final

from bench.measuring import Sample
from somagent.conversation.v1 import conversation_pb2 as pb

Figures = dict[str, float]
"""Measure → number; the unit is in the name."""

_PHASE: Final = "PHASE_"
_HISTOGRAM: Final = re.compile(
    r'^somagent_phase_seconds_(sum|count)\{phase="(\w+)"\} (\S+)$', re.MULTILINE
)


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def figures_of(samples: Sequence[Sample]) -> Figures:
    """Medians of the rounds for each side and scene."""
    groups: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.side, sample.scene.key), []).append(sample)
    found: Figures = {}
    for (side, scene), group in groups.items():
        latencies = [value for sample in group for value in sample.latencies]
        found |= {
            f"{side}_cpu_ms_per_turn_{scene}": median(one.cpu_ms for one in group),
            f"{side}_postgres_cpu_ms_per_turn_{scene}": median(
                one.postgres_cpu_ms for one in group
            ),
            f"{side}_turns_per_second_{scene}": median(one.turns_per_second for one in group),
            f"{side}_messages_per_turn_{scene}": median(one.messages for one in group),
            f"{side}_latency_ms_p50_{scene}": percentile(latencies, 0.5),
            f"{side}_latency_ms_p95_{scene}": percentile(latencies, 0.95),
        }
    return found


def ratios(name: str, above: Sequence[Sample], below: Sequence[Sample]) -> Figures:
    """Cost against cost, round by round: neighbours in time had the same machine."""
    found = [one.cpu_ms / other.cpu_ms for one, other in zip(above, below, strict=True)]
    return {name: median(found), f"{name}_lowest": min(found), f"{name}_highest": max(found)}


def first_token_figures(sample: Sample) -> Figures:
    """From the upstream's write of the first token to its arrival at the client."""
    number = sample.scene.in_flight
    return {
        f"{sample.side}_first_token_added_ms_p50_{number}": percentile(sample.first_tokens, 0.5),
        f"{sample.side}_first_token_added_ms_p95_{number}": percentile(sample.first_tokens, 0.95),
    }


def phase_figures(traces: Sequence[pb.DecisionTrace]) -> Figures:
    """How long each phase took, and everything before the first model call."""
    times: dict[str, list[float]] = {}
    before: list[float] = []
    for trace in traces:
        for run in trace.phases:
            name = pb.Phase.Name(run.phase).removeprefix(_PHASE).lower()
            times.setdefault(name, []).append(run.duration_micros / 1000)
        before.append(
            min(run.start_offset_micros for run in trace.phases if run.phase == pb.PHASE_MODEL)
            / 1000
        )
    found = {
        "product_before_model_ms_p50_1": percentile(before, 0.5),
        "product_before_model_ms_p95_1": percentile(before, 0.95),
    }
    for name, values in times.items():
        found[f"product_phase_{name}_ms_p50_1"] = percentile(values, 0.5)
        found[f"product_phase_{name}_ms_p95_1"] = percentile(values, 0.95)
    return found


def phase_means(before: str, after: str) -> Figures:
    """How long each phase took on average between two looks at the product's own histograms.

    A turn's trace is a part of its last commit, so only these tell how long that one took.
    """
    found: Figures = {}
    early, late = _phases_of(before), _phases_of(after)
    for phase, (seconds, runs) in late.items():
        earlier_seconds, earlier_runs = early.get(phase, (0.0, 0.0))
        if runs > earlier_runs:
            mean = (seconds - earlier_seconds) / (runs - earlier_runs)
            found[f"product_phase_{phase}_ms_mean_1"] = mean * 1000
    return found


def _phases_of(exposition: str) -> dict[str, tuple[float, float]]:
    """Seconds and runs of each phase since the process began."""
    values: dict[tuple[str, str], float] = {
        (phase, kind): float(value) for kind, phase, value in _HISTOGRAM.findall(exposition)
    }
    return {
        phase: (seconds, values[phase, "count"])
        for (phase, kind), seconds in values.items()
        if kind == "sum"
    }


def phases_in(figures: Mapping[str, float]) -> Mapping[str, tuple[float, float, float]]:
    """Each phase's median, 95th percentile and mean, in milliseconds."""
    begin, end = "product_phase_", "_ms_p50_1"
    names = [
        name.removeprefix(begin).removesuffix(end)
        for name in figures
        if name.startswith(begin) and name.endswith(end)
    ]
    return {
        name: (
            figures[f"{begin}{name}{end}"],
            figures[f"{begin}{name}_ms_p95_1"],
            figures.get(f"{begin}{name}_ms_mean_1", 0.0),
        )
        for name in names
    }
