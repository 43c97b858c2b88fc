"""What becomes of readers of messages is seen in the metrics."""

from adapters.telemetry.consumption import ObservedConsumption
from adapters.telemetry.instruments import Metrics


def shown(metrics: Metrics) -> list[str]:
    lines = metrics.exposition().decode().splitlines()
    return [one for one in lines if one.startswith("somagent_readers_fenced")]


def test_a_reader_whose_name_another_process_took_is_seen() -> None:
    metrics = Metrics()
    observed = ObservedConsumption(metrics)
    (before,) = shown(metrics)

    observed.fenced()

    (after,) = shown(metrics)
    assert (float(before.split()[1]), float(after.split()[1])) == (0, 1)
