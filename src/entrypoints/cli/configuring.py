"""Settings as the commands of this machine read them."""

from collections.abc import Mapping
from pathlib import Path

from entrypoints.cli.failure import CommandFailedError, ExitCode
from entrypoints.settings.environment import environment
from entrypoints.settings.sources import Loaded, SettingsRefusedError, load


def loaded(config: Path | None, overrides: Mapping[str, str] | None = None) -> Loaded:
    """The settings, with what the command's options set over the environment.

    Args:
        config: The file of `--config`.
        overrides: Values by their environment variables.

    Raises:
        CommandFailedError: The settings are refused; every problem is named.
    """
    try:
        return load({**environment(), **(overrides or {})}, config)
    except SettingsRefusedError as refused:
        many = len(refused.problems) > 1
        opening = "the settings are refused:\n" if many else "the settings are refused: "
        raise CommandFailedError(
            opening + "\n".join(f"  {one}" if many else one for one in refused.problems),
            "docs/configuration.md (`somagent config reference`) lists every setting",
            code=ExitCode.FOUND_WRONG,
        ) from refused


def overrides(*, profile: str | None = None, workers: int = 0) -> Mapping[str, str]:
    """What options set, by environment variables; what was not given is left as it is."""
    given = {
        "SOMAGENT_PROFILE": profile or "",
        "SOMAGENT_SERVER__WORKERS": str(workers or ""),
    }
    return {variable: value for variable, value in given.items() if value}
