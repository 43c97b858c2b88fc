"""What settings declare and name, and the program does not take or have."""

import json
from pathlib import Path

import pytest

from entrypoints.assembly.declared import problems_of_declared
from entrypoints.assembly.own_tools import OWN_TOOLS
from entrypoints.settings.sources import load
from tests.system.certificates import new_authority


def problems(**set_to: str) -> list[str]:
    environment = {f"SOMAGENT_{name}": value for name, value in set_to.items()}
    settings = load({"SOMAGENT_MODE": "test", **environment}, None, ()).settings
    return [problem.partition(": ")[0] for problem in problems_of_declared(settings)]


def http_tools(*tools: dict[str, str]) -> str:
    shared = {"description": "Sends.", "url": "http://localhost/send"}
    return json.dumps([{**shared, **tool} for tool in tools])


@pytest.mark.parametrize(
    "schema",
    [
        "[]",
        "{]",
        "null",
        '{"type": "nonsense"}',
        '{"$ref": "https://example.org/schema"}',
        '{"properties": {"to": {"pattern": "(a+)+$"}}}',
    ],
)
def test_a_schema_that_no_call_could_be_checked_against_is_refused_by_its_number(
    schema: str,
) -> None:
    tools = http_tools({"name": "send"}, {"name": "pay", "input_schema": schema})

    assert problems(TOOLS__HTTP=tools) == ["tools.http.1.input_schema"]


def test_a_tool_is_taken_with_any_schema_of_an_object() -> None:
    schema = '{"properties": {"to": {"oneOf": [{"type": "string"}, {"type": "null"}]}}}'

    assert problems(TOOLS__HTTP=http_tools({"name": "send", "input_schema": schema})) == []


@pytest.mark.parametrize("name", list(OWN_TOOLS))
def test_the_names_of_the_services_own_tools_are_taken(name: str) -> None:
    assert problems(TOOLS__HTTP=http_tools({"name": name})) == ["tools.http.0.name"]


@pytest.mark.parametrize("orders", ["journal.nothing=kill", "journal.accept.before=bow"])
def test_orders_for_what_is_not_there_are_refused(orders: str) -> None:
    assert problems(LABORATORY__FAILPOINTS=orders) == ["laboratory.failpoints"]
    assert problems(LABORATORY__FAILPOINTS="journal.accept.before=kill") == []


@pytest.mark.parametrize(
    ("path", "others"),
    [
        ("kafka.ca_file", {"KAFKA__SECURITY": "tls"}),
        ("server.tls.certificate_file", {"SERVER__TLS__KEY": "secret:tls-key"}),
        ("local_model.weights_file", {}),
    ],
)
def test_files_that_settings_name_are_there(
    path: str, others: dict[str, str], tmp_path: Path
) -> None:
    file, name = tmp_path / "named", path.replace(".", "__").upper()

    assert problems(**others, **{name: str(file)}) == [path]

    new_authority("ours").write(file)
    assert problems(**others, **{name: str(file)}) == []


def test_so_are_the_authorities_of_clients(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_text("")
    tls = {"CERTIFICATE_FILE": str(certificate), "KEY": "secret:tls-key", "CLIENT_CA_FILE": "/none"}

    found = problems(**{f"SERVER__TLS__{name}": value for name, value in tls.items()})

    assert found == ["server.tls.client_ca_file"]


def test_weights_of_a_model_that_is_not_offered_are_not_looked_for() -> None:
    assert problems(LOCAL_MODEL__ENABLED="false", LOCAL_MODEL__WEIGHTS_FILE="/none") == []


def test_an_authority_of_the_brokers_that_holds_no_certificate_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    file.write_text("no certificate")

    assert problems(KAFKA__SECURITY="tls", KAFKA__CA_FILE=str(file)) == ["kafka.ca_file"]
