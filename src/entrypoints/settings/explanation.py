"""What each setting is, where it came from, and the reference of them all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Final, cast

from entrypoints.settings.keys import Key, keys, names_of, shown
from entrypoints.settings.sources import CONFIG_VARIABLE, OF_PROFILES, PLACES, Loaded, Tree

DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One setting as it holds. `source` is `default`, a profile, `file:line` or a variable."""

    key: str
    value: str
    unit: str
    source: str
    meaning: str


def explain(loaded: Loaded) -> list[Explained]:
    """Every value that holds and where it came from. None is secret: secrets are references."""
    return [
        Explained(
            key=path,
            value=shown(value),
            unit=key.unit,
            source=_source(loaded, path),
            meaning=key.meaning,
        )
        for path, key, value in _values(loaded.settings, "", "")
    ]


def _values(section: object, path: str, known: str) -> Iterator[tuple[str, Key, object]]:
    for name in names_of(type(section)):
        value: object = getattr(section, name)
        here, key = f"{path}{name}", f"{known}{name}"
        if is_dataclass(value):
            yield from _values(value, f"{here}.", f"{key}.")
            continue
        yield here, keys()[key], value
        if isinstance(value, tuple):
            for number, one in enumerate(cast("tuple[object, ...]", value)):
                yield from _values(one, f"{here}.{number}.", f"{key}[].")


def _source(loaded: Loaded, path: str) -> str:
    while path:
        if path in loaded.origins:
            return loaded.origins[path]
        path = path.rpartition(".")[0]
    return DEFAULT


def reference() -> str:
    """docs/configuration.md: generated from the settings, so that it cannot be wrong about them."""
    return "\n".join([*_opening(), *_tables(), ""])


def _opening() -> Iterator[str]:
    yield "# Configuration"
    yield ""
    yield "Generated from the settings by `somagent config reference`; do not edit."
    yield ""
    yield (
        "A setting comes from the first of these that has it: the environment, a TOML file, the "
        "profile, the default. The file is the one of `--config`, else of "
        f"`{CONFIG_VARIABLE}`, else `{PLACES[0]}`, else `somagent/somagent.toml` in the user's "
        "configuration folder. Keys that do not exist are errors, in the file and in the "
        "environment. `somagent config check` shows every value and where it came from."
    )
    yield ""
    yield (
        "Secrets are never settings: where one is needed, the setting is a reference "
        "(`secret:NAME`) to the secret store, `somagent secrets set NAME`, or to a mounted file of "
        "that name. Lists (`providers`) are tables in the file and JSON in the environment."
    )
    yield ""
    yield "| profile | sets |"
    yield "|---|---|"
    for profile, tree in OF_PROFILES.items():
        words = ", ".join(f"`{path} = {shown(value)}`" for path, value in _leaves(tree, ""))
        yield f"| `{profile.value}` | {words or 'the defaults'} |"
    yield ""
    yield (
        "Mode `prod` refuses to start, naming each problem and its cure: a plaintext listener "
        "beyond this machine, keys that the service would make for itself, a database, brokers or "
        "tools that are spoken to in the clear, and a secret that travels so."
    )


def _tables() -> Iterator[str]:
    section = None
    for key in keys().values():
        heading = key.path.rpartition(".")[0]
        if heading != section:
            section = heading
            yield ""
            yield f"## {heading}" if heading else "## Profile and mode"
            yield ""
            yield "| setting | value | default | meaning |"
            yield "|---|---|---|---|"
        name = f"`{key.path}`" + (f"<br>`{key.variable}`" if key.variable else "")
        unit = f" ({key.unit})" if key.unit else ""
        meaning = key.meaning.replace("|", "\\|")
        yield f"| {name} | {key.kind}{unit} | `{key.default}` | {meaning} |"


def _leaves(tree: Tree, prefix: str) -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(cast("Tree", value), f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
