"""Settings as the commands of this machine read them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from entrypoints.assembly.declared import problems_of_declared
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
        found = load({**environment(), **(overrides or {})}, config)
    except SettingsRefusedError as refused:
        raise _refusal(refused.problems) from refused
    if problems := problems_of_declared(found.settings):
        raise _refusal(problems)
    return found


def _refusal(problems: Sequence[str]) -> CommandFailedError:
    many = len(problems) > 1
    opening = "the settings are refused:\n" if many else "the settings are refused: "
    return CommandFailedError(
        opening + "\n".join(f"  {one}" if many else one for one in problems),
        "docs/configuration.md (`somagent config reference`) lists every setting",
        code=ExitCode.FOUND_WRONG,
    )


def overrides(
    *,
    profile: str | None = None,
    workers: int = 0,
    relay_address: str = "",
    consumer_address: str = "",
) -> Mapping[str, str]:
    """What options set, by environment variables; what was not given is left as it is."""
    given = {
        "SOMAGENT_PROFILE": profile or "",
        "SOMAGENT_SERVER__WORKERS": str(workers or ""),
        "SOMAGENT_RELAY__HTTP_ADDRESS": relay_address,
        "SOMAGENT_KAFKA__CONSUMERS__HTTP_ADDRESS": consumer_address,
    }
    return {variable: value for variable, value in given.items() if value}
