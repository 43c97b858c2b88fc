"""The settings that are shipped with the deployments are settings that the service takes."""

from pathlib import Path
from typing import Final

import yaml

from entrypoints.settings.sources import load
from entrypoints.settings.values import Mode, Profile

INFRA: Final = Path(__file__).parents[2] / "infra"


def test_the_compose_file_starts_the_standard_profile() -> None:
    settings = load({}, INFRA / "compose" / "somagent.toml").settings

    assert settings.profile is Profile.STANDARD
    assert settings.runs_local_model


def test_every_secret_that_compose_settings_name_is_mounted() -> None:
    composed = yaml.safe_load((INFRA / "compose.yaml").read_text())
    text = (INFRA / "compose" / "somagent.toml").read_text()

    named = {part.split('"')[0] for part in text.split("secret:")[1:]}
    assert named == set(composed["secrets"])


def test_the_chart_s_settings_are_fit_for_production(tmp_path: Path) -> None:
    values = yaml.safe_load((INFRA / "helm" / "values.yaml").read_text())
    file = tmp_path / "somagent.toml"
    file.write_text(values["settings"])

    settings = load({}, file).settings

    assert settings.mode is Mode.PROD
    assert settings.server.tls.on
