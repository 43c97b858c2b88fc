"""Where settings come from: defaults, the profile, a TOML file, the environment; the later wins."""

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, TypeAlias, cast

from platformdirs import user_config_path
from pydantic import ValidationError

from entrypoints.settings.keys import Key, keys, lines_of, variables
from entrypoints.settings.rules import problems_of
from entrypoints.settings.settings import PREFIX, Settings
from entrypoints.settings.values import Profile

CONFIG_VARIABLE: Final = f"{PREFIX}CONFIG"
"""Names the file; it is no setting."""

PLACES: Final = (
    Path("/etc/somagent/somagent.toml"),
    user_config_path("somagent") / "somagent.toml",
)
"""Where a file is looked for when none is named; the first that exists is read."""

Tree: TypeAlias = Mapping[str, object]

OF_PROFILES: Final[Mapping[Profile, Tree]] = {
    Profile.EMBEDDED: {},
    Profile.STANDARD: {"local_model": {"enabled": False, "discover": False}},
}
"""What a profile sets otherwise than the defaults."""

_UNKNOWN: Final = ("extra_forbidden", "unexpected_keyword_argument")


class SettingsRefusedError(Exception):
    """Settings that the service does not start with; every problem is named, with its cure."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings and, by their dotted keys, where those that are not defaults came from."""

    settings: Settings
    origins: Mapping[str, str]
    file: Path | None


def load(
    environment: Mapping[str, str], file: Path | None = None, places: Sequence[Path] = PLACES
) -> Loaded:
    """Read and check the settings.

    Args:
        environment: What the process was started with.
        file: The file to read, whatever the environment says.
        places: Where a file is looked for when none is named.

    Raises:
        SettingsRefusedError: A key is unknown, a value is not one, the file cannot be read, or the
            mode or the profile forbids a choice.
    """
    path = _file(environment, file, places)
    text = _text_of(path) if path else ""
    written = _parsed(path, text)
    given, variable_of = _given(environment)
    origins: dict[str, str] = {}
    merged: dict[str, object] = {}
    lines = lines_of(text)
    profile = _profile(given.get("profile", written.get("profile")))
    if profile is not None:
        _lay(merged, OF_PROFILES[profile], origins, lambda _: f"profile {profile}")
    _lay(merged, written, origins, lambda key: f"{path}:{lines.get(key, 1)}")
    _lay(merged, given, origins, lambda key: f"environment {variable_of.get(key, key)}")
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as refused:
        raise SettingsRefusedError(list(_words(refused, origins))) from None
    if problems := problems_of(settings, origins):
        raise SettingsRefusedError(problems)
    return Loaded(settings, origins, path)


def _file(environment: Mapping[str, str], file: Path | None, places: Sequence[Path]) -> Path | None:
    if file is not None:
        return file
    if named := environment.get(CONFIG_VARIABLE):
        return Path(named)
    return next((place for place in places if place.is_file()), None)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsRefusedError([f"{path} cannot be read: {why}"]) from None


def _parsed(path: Path | None, text: str) -> Tree:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsRefusedError([f"{path} is not TOML: {error}"]) from None


def _given(environment: Mapping[str, str]) -> tuple[Tree, Mapping[str, str]]:
    """What the environment sets, and by which variable; one that sets nothing is refused."""
    known = variables()
    tree: dict[str, object] = {}
    origins: dict[str, str] = {}
    problems: list[str] = []
    for variable, value in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE:
            continue
        path = known.get(variable)
        if path is None:
            problems.append(f"environment {variable}: {_unknown(variable, known)}")
            continue
        origins[path] = variable
        try:
            _put(tree, path, _read(path, value))
        except ValueError:
            problems.append(f"environment {variable}: is not JSON, as a list must be")
    if problems:
        raise SettingsRefusedError(problems)
    return tree, origins


def _read(path: str, value: str) -> object:
    return json.loads(value) if keys()[path].kind == "a list of tables" else value


def _put(tree: dict[str, object], path: str, value: object) -> None:
    *sections, name = path.split(".")
    for section in sections:
        tree = _within(tree, section)
    tree[name] = value


def _within(tree: dict[str, object], name: str) -> dict[str, object]:
    """The table of a name, made where there is none."""
    inner = tree.get(name)
    if not isinstance(inner, dict):
        inner = tree[name] = {}
    return cast("dict[str, object]", inner)


def _profile(value: object) -> Profile | None:
    """The profile that is asked for; None where it is none, which validation will say."""
    if value is None:
        return Profile.EMBEDDED
    return next((profile for profile in Profile if profile.value == value), None)


def _lay(
    below: dict[str, object],
    above: Tree,
    origins: dict[str, str],
    origin: Callable[[str], str],
    prefix: str = "",
) -> None:
    """Put one source over what the earlier ones gave."""
    for name, value in above.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            table = cast("Tree", value)
            _lay(_within(below, name), table, origins, origin, f"{path}.")
        else:
            below[name] = value
            origins[path] = origin(path)


def _words(refused: ValidationError, origins: Mapping[str, str]) -> Iterator[str]:
    for error in refused.errors(include_url=False, include_input=False, include_context=False):
        steps = error["loc"]
        path = ".".join(str(step) for step in steps)
        known = ".".join(step for step in steps if isinstance(step, str))
        origin = _origin_of(path, origins)
        says = error["msg"].removeprefix("Value error, ")
        if error["type"] in _UNKNOWN:
            says = _unknown(known, {key.replace("[]", ""): key for key in keys()})
        elif key := _key_of(known):
            says = f"{says} ({key.kind}). {key.meaning}"
        yield ": ".join(part for part in (origin, path, says) if part)


def _origin_of(path: str, origins: Mapping[str, str]) -> str:
    """Where a key came from, or the list that it is in, or the first key of the table it is."""
    upwards = path
    while upwards:
        if upwards in origins:
            return origins[upwards]
        upwards = upwards.rpartition(".")[0]
    return next((origin for key, origin in origins.items() if key.startswith(f"{path}.")), "")


def _key_of(path: str) -> Key | None:
    return next((key for key in keys().values() if key.path.replace("[]", "") == path), None)


def _unknown(name: str, known: Mapping[str, str]) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.8)
    return f"no such setting; did you mean {near[0]}?" if near else "no such setting"
