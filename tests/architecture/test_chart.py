"""What a cluster relies on in the Helm chart, read from what it renders."""

import subprocess
from pathlib import Path
from typing import Final, TypeAlias, cast

import pytest
import yaml

CHART: Final = Path(__file__).parents[2] / "infra" / "helm"
Node: TypeAlias = "dict[str, Node] | list[Node] | str | int | bool | None"


def at(node: Node, *path: str | int) -> Node:
    """Return what stands at the path, None where there is nothing."""
    for step in path:
        match node, step:
            case dict(), str():
                node = node.get(step)
            case list(), int():
                node = node[step]
            case _:
                return None
    return node


@pytest.fixture(scope="module")
def objects(helm: Path) -> dict[str, Node]:
    rendered = subprocess.run(  # noqa: S603 - our own program on our own chart
        [str(helm), "template", "example", str(CHART)], capture_output=True, text=True, check=True
    )
    documents = cast("list[Node]", list(yaml.safe_load_all(rendered.stdout)))
    return {str(at(document, "kind")): document for document in documents if document}


@pytest.fixture(scope="module")
def pod(objects: dict[str, Node]) -> Node:
    return at(objects["Deployment"], "spec", "template", "spec")


def test_several_servers_run_and_one_at_most_is_taken_away(objects: dict[str, Node]) -> None:
    assert at(objects["Deployment"], "spec", "replicas") == 3
    assert at(objects["PodDisruptionBudget"], "spec", "maxUnavailable") == 1


def test_no_server_runs_beside_the_schema_of_another_version(objects: dict[str, Node]) -> None:
    assert at(objects["Deployment"], "spec", "strategy") == {"type": "Recreate"}


def test_the_disruption_budget_and_the_policy_mean_the_pods_of_the_deployment(
    objects: dict[str, Node],
) -> None:
    pods = at(objects["Deployment"], "spec", "selector", "matchLabels")

    assert pods
    assert at(objects["PodDisruptionBudget"], "spec", "selector", "matchLabels") == pods
    assert at(objects["NetworkPolicy"], "spec", "podSelector", "matchLabels") == pods
    assert at(objects["Service"], "spec", "selector") == pods


@pytest.mark.parametrize(
    ("probe", "path"),
    [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")],
)
def test_a_probe_asks_the_endpoint_made_for_it(pod: Node, probe: str, path: str) -> None:
    assert at(pod, "containers", 0, probe, "httpGet") == {"path": path, "port": "http"}


@pytest.mark.parametrize("kind", ["containers", "initContainers"])
def test_a_container_runs_without_privileges(pod: Node, kind: str) -> None:
    assert at(pod, "securityContext", "runAsNonRoot") is True
    assert at(pod, kind, 0, "securityContext") == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_schema_is_brought_up_to_date_before_the_server_starts(pod: Node) -> None:
    assert at(pod, "initContainers", 0, "args") == ["migrate"]
    assert at(pod, "containers", 0, "args") == ["serve"]


def test_secrets_are_files_of_a_secret_and_settings_of_a_config_map(pod: Node) -> None:
    assert at(pod, "volumes", 0, "configMap", "name") == "example"
    assert at(pod, "volumes", 1, "secret", "secretName") == "somagent"


def test_nothing_reaches_a_pod_but_what_the_policy_names(objects: dict[str, Node]) -> None:
    assert at(objects["NetworkPolicy"], "spec", "policyTypes") == ["Ingress", "Egress"]
