"""The metrics of the service are those that contracts/metrics.toml promises."""

import tomllib
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from adapters.telemetry.catalogue import CATALOGUE
from adapters.telemetry.instruments import Metrics
from entrypoints.grpc.methods import methods

CONTRACT: Final = Path(__file__).parents[2] / "contracts" / "metrics.toml"


def test_the_catalogue_is_the_contract() -> None:
    declared = {
        one.name: {
            "type": one.kind.value,
            "unit": one.unit,
            "help": one.help,
            "labels": {
                name: bound if isinstance(bound, int) else sorted(bound)
                for name, bound in one.labels.items()
            },
        }
        for one in CATALOGUE
    }

    assert {
        name: {"labels": {}, **entry} for name, entry in tomllib.loads(CONTRACT.read_text()).items()
    } == declared


def test_nothing_is_exposed_that_is_not_declared() -> None:
    metrics = Metrics()
    for one in CATALOGUE:
        labels = [str(name) for name in one.labels]
        if one.name in metrics.counters:
            metrics.counters[one.name].add(*labels)
        elif one.name in metrics.histograms:
            metrics.histograms[one.name].observe(0.1, *labels)

    exposed = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(metrics.exposition().decode())
        if not family.name.startswith("process_")
    }

    assert exposed == {one.name for one in CATALOGUE}


def test_a_time_is_in_seconds_and_a_sum_ends_in_total() -> None:
    assert [
        one.name
        for one in CATALOGUE
        if (one.kind.value == "counter") != one.name.endswith("_total")
        or (one.kind.value == "histogram") != one.name.endswith("_seconds")
    ] == []


def test_there_is_room_for_every_method() -> None:
    bounds = [one.labels["method"] for one in CATALOGUE if "method" in one.labels]

    assert all(isinstance(bound, int) and bound >= len(methods()) for bound in bounds)
