"""A look at a cluster that cannot even be asked."""

from pathlib import Path

from adapters.kafka.condition import condition_of
from adapters.kafka.connection import KafkaConnection


def test_an_authority_that_is_gone_is_a_problem_of_the_cluster(tmp_path: Path) -> None:
    connection = KafkaConnection(
        bootstrap_servers="broker:9093", security="tls", ca_file=str(tmp_path / "gone.pem")
    )

    found = condition_of(connection)

    assert found.version == ""
    assert found.problem.startswith("broker:9093: ")
    assert "ssl.ca.location" in found.problem
