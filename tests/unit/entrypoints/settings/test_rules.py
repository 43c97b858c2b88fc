"""What profiles and mode prod ask of settings."""

import json

import pytest

from entrypoints.settings.sources import SettingsRefusedError, load

KEYS = {
    "SOMAGENT_MODE": "prod",
    "SOMAGENT_RECEIPTS__SIGNING_KEY": "secret:receipts",
    "SOMAGENT_SECRETS__PAGING_KEY": "secret:pages",
}
DATABASE = {
    "SOMAGENT_PROFILE": "standard",
    "SOMAGENT_DATABASE__REQUEST__URL": "postgresql://r@db/somagent?sslmode=verify-full",
    "SOMAGENT_DATABASE__WRITER__URL": "postgresql://w@db/somagent?sslmode=verify-full",
}


def problems(environment: dict[str, str]) -> list[str]:
    try:
        load(environment, None, ())
    except SettingsRefusedError as refused:
        return [problem.partition(": ")[0] for problem in refused.problems]
    return []


def test_mode_prod_starts_where_nothing_is_insecure() -> None:
    assert problems({**KEYS, **DATABASE}) == []


def test_every_insecure_choice_is_named_at_once() -> None:
    environment = {
        **DATABASE,
        "SOMAGENT_MODE": "prod",
        "SOMAGENT_SERVER__ADDRESS": "0.0.0.0:50051",
        "SOMAGENT_DATABASE__WRITER__URL": "postgresql://w@db/somagent",
        "SOMAGENT_PROVIDERS": '[{"name": "a", "base_url": "http://example.org/v1", "api_key": '
        '"secret:a", "models": []}]',
        "SOMAGENT_TELEMETRY__OTLP_ENDPOINT": "http://collector:4318/v1/traces",
        "SOMAGENT_TELEMETRY__OTLP_HEADERS": "secret:otlp",
        "SOMAGENT_IDENTITY__ISSUER": "https://issuer",
        "SOMAGENT_IDENTITY__JWKS": "http://issuer/jwks",
    }

    assert problems(environment) == [
        "server.tls.certificate_file",
        "database.writer.url",
        "providers.0.base_url",
        "telemetry.otlp_endpoint",
        "identity.jwks",
        "receipts.signing_key",
        "secrets.paging_key",
    ]
    assert problems({**environment, "SOMAGENT_MODE": "dev"}) == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", ""])
def test_a_database_on_this_machine_needs_no_encryption(host: str) -> None:
    url = f"postgresql://r@{host}/somagent"

    assert problems({**KEYS, **DATABASE, "SOMAGENT_DATABASE__REQUEST__URL": url}) == []


def test_the_standard_profile_needs_urls() -> None:
    assert problems({"SOMAGENT_PROFILE": "standard"}) == [
        "database.request.url",
        "database.writer.url",
    ]


@pytest.mark.parametrize(
    "url", ["postgresql://r:hunter2@db/x", "host=db password=hunter2", "postgresql://db?password=x"]
)
def test_a_password_in_a_url_is_refused_in_every_mode(url: str) -> None:
    environment = {**DATABASE, "SOMAGENT_DATABASE__REQUEST__URL": url}

    with pytest.raises(SettingsRefusedError) as refused:
        load(environment, None, ())

    assert "hunter2" not in str(refused.value)
    assert problems(environment) == ["database.request.url"]


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("SERVER__TLS__CERTIFICATE_FILE", "/cert.pem", "server.tls.key"),
        ("SERVER__TLS__KEY", "secret:tls", "server.tls.certificate_file"),
        ("IDENTITY__JWKS", "keys.json", "identity"),
    ],
)
def test_halves_of_a_whole_are_refused(variable: str, value: str, problem: str) -> None:
    assert problems({f"SOMAGENT_{variable}": value}) == [problem]


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({"SECURITY": "sasl_tls"}, "kafka.username"),
        ({"SECURITY": "sasl_tls", "USERNAME": "us"}, "kafka.username"),
        ({"USERNAME": "us", "PASSWORD": "secret:kafka"}, "kafka.security"),
        ({"SECURITY": "sasl_plaintext", "PASSWORD": "secret:kafka"}, "kafka.username"),
        ({"CA_FILE": "/ca.pem"}, "kafka.ca_file"),
    ],
)
def test_halves_of_a_way_to_kafka_are_refused(environment: dict[str, str], problem: str) -> None:
    settings = {f"SOMAGENT_KAFKA__{name}": value for name, value in environment.items()}

    assert problems(settings) == [problem]


@pytest.mark.parametrize("security", ["plaintext", "sasl_plaintext"])
def test_mode_prod_sends_no_event_in_the_clear_beyond_this_machine(security: str) -> None:
    environment = {
        **KEYS,
        **DATABASE,
        "SOMAGENT_KAFKA__SECURITY": security,
        "SOMAGENT_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092,broker:9092",
    }
    if security == "sasl_plaintext":
        environment |= {
            "SOMAGENT_KAFKA__USERNAME": "us",
            "SOMAGENT_KAFKA__PASSWORD": "secret:kafka",
        }

    assert problems(environment) == ["kafka.security"]
    here = {**environment, "SOMAGENT_KAFKA__BOOTSTRAP_SERVERS": "localhost:9092"}
    assert problems(here) == []


def test_channelz_stays_on_the_machine() -> None:
    environment = {
        "SOMAGENT_SERVER__CHANNELZ": "true",
        "SOMAGENT_SERVER__CHANNELZ_ADDRESS": "0.0.0.0:1",
    }

    assert problems(environment) == ["server.channelz_address"]


def test_several_workers_need_a_port_that_they_share() -> None:
    environment = {"SOMAGENT_SERVER__ADDRESS": "127.0.0.1:0", "SOMAGENT_SERVER__WORKERS": "2"}

    assert problems(environment) == ["server.address"]
    assert problems({**environment, "SOMAGENT_SERVER__WORKERS": "1"}) == []


@pytest.mark.parametrize(
    ("section", "interval", "length"),
    [
        ("turns", "keep_interval_seconds", "lease_seconds"),
        ("relay", "poll_seconds", "lease_seconds"),
    ],
)
def test_a_lease_lasts_three_intervals_of_its_renewal(
    section: str, interval: str, length: str
) -> None:
    def of(seconds: str) -> list[str]:
        prefix = f"SOMAGENT_{section.upper()}__"
        return problems({f"{prefix}{interval.upper()}": seconds, f"{prefix}{length.upper()}": "6"})

    assert of("2.1") == [f"{section}.{interval}"]
    assert of("2") == []


def test_what_is_reconciled_of_late_leaves_no_gap() -> None:
    def looking_back(seconds: str) -> list[str]:
        return problems(
            {
                "SOMAGENT_RECONCILIATION__INTERVAL_SECONDS": "600",
                "SOMAGENT_RECONCILIATION__RECENT_SECONDS": seconds,
            }
        )

    assert looking_back("599") == ["reconciliation.recent_seconds"]
    assert looking_back("600") == []


@pytest.mark.parametrize("mode", ["dev", "prod"])
def test_the_laboratory_is_for_mode_test(mode: str) -> None:
    environment = {
        **KEYS,
        **DATABASE,
        "SOMAGENT_LABORATORY__FAILPOINTS": "journal.accept.after=kill",
        "SOMAGENT_LABORATORY__CLOCK_OFFSET_SECONDS": "-3600",
    }

    assert problems({**environment, "SOMAGENT_MODE": mode}) == [
        "laboratory.failpoints",
        "laboratory.clock_offset_seconds",
    ]
    assert problems({**environment, "SOMAGENT_MODE": "test"}) == []


def http_tool(**more: str) -> dict[str, str]:
    tool = {"name": "send", "description": "Sends.", "url": "http://example.org/send", **more}
    return {"SOMAGENT_TOOLS__HTTP": json.dumps([tool])}


@pytest.mark.parametrize("secret", [{}, {"authorization": "secret:send"}])
def test_a_tool_beyond_this_machine_is_called_over_an_encrypted_line_in_mode_prod(
    secret: dict[str, str],
) -> None:
    far = http_tool(status_url="http://example.org/status", **secret)
    near = http_tool(url="http://127.0.0.1/send", status_url="https://example.org/{key}", **secret)

    assert problems({**KEYS, **DATABASE, **far}) == ["tools.http.0.url", "tools.http.0.status_url"]
    assert problems({**KEYS, **DATABASE, **near}) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "with space"},
        {"status_url": "ftp://example.org"},
        {"status_url": "https://user:secret@example.org/"},
        {"key_in": "body"},
        {"timeout_seconds": "31"},
        {"authorization": "Bearer plain"},
    ],
)
def test_what_cannot_be_set_of_a_tool_is_refused(wrong: dict[str, str]) -> None:
    (problem,) = problems(http_tool(**wrong))

    assert "TOOLS__HTTP" in problem


def test_two_tools_have_two_names() -> None:
    tool = json.loads(http_tool()["SOMAGENT_TOOLS__HTTP"])

    assert problems({"SOMAGENT_TOOLS__HTTP": json.dumps(tool * 2)}) != []
