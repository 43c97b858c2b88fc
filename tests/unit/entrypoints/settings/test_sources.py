"""Settings come from defaults, profile, file and environment, and say so."""

from pathlib import Path

import pytest

from entrypoints.settings.explanation import explain
from entrypoints.settings.sources import Loaded, SettingsRefusedError, load
from entrypoints.settings.values import Mode, Profile


def written(folder: Path, toml: str) -> Path:
    file = folder / "somagent.toml"
    file.write_text(toml)
    return file


def problems(environment: dict[str, str], file: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsRefusedError) as refused:
        load(environment, file, ())
    return refused.value.problems


def sources(loaded: Loaded) -> dict[str, str]:
    return {one.key: one.source for one in explain(loaded)}


def test_without_anything_the_embedded_profile_in_mode_dev_is_served_on_loopback() -> None:
    settings = load({}, None, ()).settings

    assert (settings.profile, settings.mode) == (Profile.EMBEDDED, Mode.DEV)
    assert settings.server.address == "127.0.0.1:50051"
    assert settings.local_model.enabled


def test_the_environment_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    file = written(tmp_path, "[turns]\nlease_seconds = 10\nsweep_interval_seconds = 3\n")

    turns = load({"SOMAGENT_TURNS__LEASE_SECONDS": "12.5"}, file, ()).settings.turns

    assert (turns.lease_seconds, turns.sweep_interval_seconds) == (12.5, 3)
    assert turns.deadline_seconds == 300


def test_every_value_says_where_it_came_from(tmp_path: Path) -> None:
    file = written(tmp_path, 'profile = "standard"\n\n[server]\nworkers = 2\n')
    environment = {
        "SOMAGENT_DATABASE__REQUEST__URL": "postgresql://somagent_request@db/somagent",
        "SOMAGENT_DATABASE__WRITER__URL": "postgresql://somagent_writer@db/somagent",
    }

    found = sources(load(environment, file, ()))

    assert found["server.workers"] == f"{file}:4"
    assert found["profile"] == f"{file}:1"
    assert found["local_model.enabled"] == "profile standard"
    assert found["database.request.url"] == "environment SOMAGENT_DATABASE__REQUEST__URL"
    assert found["turns.lease_seconds"] == "default"


def test_a_list_of_tables_is_read_from_the_file_or_from_json(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        [[providers]]
        name = "here"
        base_url = "http://localhost:9/v1"
        [[providers.models]]
        name = "small"
        model = "q"
        context_window_tokens = 4096
        """,
    )
    given = (
        '[{"name": "there", "base_url": "https://example.org/v1", "api_key": "secret:there",'
        ' "models": []}]'
    )

    of_file = load({}, file, ()).settings.providers
    of_environment = load({"SOMAGENT_PROVIDERS": given}, file, ()).settings.providers

    assert [(one.name, one.models[0].context_window_tokens) for one in of_file] == [("here", 4096)]
    assert [(one.name, one.api_key) for one in of_environment] == [("there", "secret:there")]


def test_the_file_is_the_named_one_else_the_first_that_exists(tmp_path: Path) -> None:
    named = written(tmp_path, 'mode = "test"\n')
    other = tmp_path / "other.toml"
    other.write_text('mode = "dev"\n')

    assert load({"SOMAGENT_CONFIG": str(named)}, None, (other,)).file == named
    assert load({}, None, (tmp_path / "missing.toml", other)).file == other
    assert load({}, named, (other,)).settings.mode is Mode.TEST


def test_unknown_keys_are_refused_in_the_file_and_in_the_environment(tmp_path: Path) -> None:
    file = written(tmp_path, "[server]\nadress = '127.0.0.1:1'\n[surver]\nx = 1\n")

    assert problems({}, file) == (
        f"{file}:2: server.adress: no such setting; did you mean server.address?",
        f"{file}:4: surver: no such setting",
    )
    assert problems({"SOMAGENT_TURNS__LEASE": "1", "SOMAGENT_X": "1"}) == (
        (
            "environment SOMAGENT_TURNS__LEASE: no such setting; did you mean "
            "SOMAGENT_TURNS__LEASE_SECONDS?"
        ),
        "environment SOMAGENT_X: no such setting",
    )


def test_every_wrong_value_is_named_with_its_place_and_its_bounds(tmp_path: Path) -> None:
    file = written(tmp_path, "[turns]\nlease_seconds = 0.5\n")

    found = problems({"SOMAGENT_SERVER__WORKERS": "many"}, file)

    assert len(found) == 2
    assert found[0].startswith("environment SOMAGENT_SERVER__WORKERS: server.workers: ")
    assert found[1].startswith(f"{file}:2: turns.lease_seconds: ")
    assert "1 to 300" in found[1]


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"a = [", "is not TOML"), (b"\xff\xfe", "it is not UTF-8")],
)
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "somagent.toml"
    file.write_bytes(content)

    assert says in problems({}, file)[0]


def test_a_file_that_was_named_and_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in problems({}, tmp_path / "none.toml")[0]


def test_a_wrong_value_is_never_shown_since_it_may_be_a_secret() -> None:
    found = problems({"SOMAGENT_RECEIPTS__SIGNING_KEY": "hunter2"})

    assert "hunter2" not in "".join(found)
    assert "receipts.signing_key" in found[0]


def test_a_provider_or_a_model_stands_once() -> None:
    twice = '{"name": "a", "base_url": "https://example.org/v1", "models": []}'

    assert "stands twice" in problems({"SOMAGENT_PROVIDERS": f"[{twice}, {twice}]"})[0]
