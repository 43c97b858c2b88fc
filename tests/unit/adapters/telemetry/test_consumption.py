"""What becomes of readers of messages is seen in the metrics."""

import pytest

from adapters.telemetry.consumption import ObservedConsumption
from adapters.telemetry.instruments import Metrics
from domain.delivery.incoming_message import Partition

TOPIC = "conversation.inbound"


def shown(metrics: Metrics, name: str) -> list[str]:
    lines = metrics.exposition().decode().splitlines()
    return [one for one in lines if one.startswith(name)]


def fenced(metrics: Metrics) -> float:
    (line,) = shown(metrics, "somagent_readers_fenced")
    return float(line.split()[1])


def test_a_reader_whose_name_another_process_took_is_seen_until_it_reads_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    metrics = Metrics()
    observed = ObservedConsumption(metrics)
    before = fenced(metrics)

    observed.fenced()
    meanwhile = fenced(metrics)
    observed.freed()

    assert (before, meanwhile, fenced(metrics)) == (0, 1, 0)
    assert "kafka.consumers.instance of its own" in caplog.text


def test_the_lag_and_its_age_are_seen_for_each_partition_until_it_is_lost() -> None:
    metrics = Metrics()
    observed = ObservedConsumption(metrics)

    observed.lags(Partition(TOPIC, 0), 3, 1.5)
    observed.lags(Partition(TOPIC, 1), 0, 0.0)
    observed.lost(Partition(TOPIC, 1))

    place = f'{{partition="0",topic="{TOPIC}"}}'
    assert shown(metrics, "somagent_message_lag") == [f"somagent_message_lag{place} 3.0"]
    assert shown(metrics, "somagent_message_oldest_age") == [
        f"somagent_message_oldest_age{place} 1.5"
    ]
