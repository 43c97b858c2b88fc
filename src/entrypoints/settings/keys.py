"""Every key that settings have: its path, its variable, its kind, its meaning."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Annotated, Final, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo

from entrypoints.settings.settings import DELIMITER, PREFIX, Settings
from entrypoints.settings.values import NO_FILE

LIST: Final = "a list of tables"
REQUIRED: Final = "required"
UNITS: Final[Mapping[str, str]] = {
    "_seconds": "s",
    "_hours": "h",
    "_days": "d",
    "_bytes": "bytes",
    "_usd_per_million_tokens": "USD",
    "_tokens": "tokens",
    "_ratio": "0 to 1",
}

_TABLE: Final = re.compile(r"\s*\[\[?\s*([\w.\-]+)\s*\]")
_KEY: Final = re.compile(r"\s*([\w.\-]+)\s*=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One thing that may be set.

    `path` is dotted, as in `server.max_message_bytes`; inside a list it is `providers[].name`, and
    `variable` is empty: a list is set as a whole, from JSON.
    """

    path: str
    variable: str
    kind: str
    unit: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class _Slot:
    """A declared setting: its type, what is said about it, and its default."""

    name: str
    kind: object
    notes: tuple[object, ...]
    default: object


@cache
def keys() -> Mapping[str, Key]:
    """Every key by its path, in the order in which they are declared."""
    return {key.path: key for key in _keys(Settings, "")}


def variables() -> Mapping[str, str]:
    """The path that each environment variable sets."""
    return {key.variable: key.path for key in keys().values() if key.variable}


def shown(value: object) -> str:
    """A value as the file would have it, on one line."""
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, tuple):
        return "[…]" if value else "[]"
    return '""' if value == NO_FILE else f'"{value}"'


def lines_of(toml: str) -> Mapping[str, int]:
    """The line on which a TOML text sets each dotted key, where one is set on a line of its own."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(toml.splitlines(), 1):
        if heading := _TABLE.match(line):
            table = f"{heading[1]}."
            found.setdefault(heading[1], number)
        elif assigned := _KEY.match(line):
            found.setdefault(table + assigned[1], number)
    return found


def _keys(section: type, prefix: str) -> Iterator[Key]:
    for slot in _slots(section):
        path = f"{prefix}{slot.name}"
        inner = _section_in(slot.kind)
        if inner is not None and slot.kind is inner:
            yield from _keys(inner, f"{path}.")
            continue
        listed = "[]" in path
        yield Key(
            path=path,
            variable="" if listed else PREFIX + path.replace(".", DELIMITER).upper(),
            kind=LIST if inner else _words_of(slot),
            unit=next((unit for end, unit in UNITS.items() if slot.name.endswith(end)), ""),
            default=REQUIRED if slot.default is MISSING else shown(slot.default),
            meaning=_meaning_of(slot),
        )
        if inner is not None:
            yield from _keys(inner, f"{path}[].")


def _slots(section: type) -> Iterator[_Slot]:
    hints = get_type_hints(section, include_extras=True)
    for name, default in _defaults(section):
        kind: object = hints[name]
        notes: list[object] = []
        while get_origin(kind) is Annotated:
            kind, *more = get_args(kind)
            notes += more
        yield _Slot(name, kind, tuple(notes), default)


def names_of(section: type) -> Iterator[str]:
    """What is declared in a section, in order."""
    yield from (name for name, _ in _defaults(section))


def _defaults(section: type) -> Iterator[tuple[str, object]]:
    if section is Settings:
        yield from ((name, one.default) for name, one in Settings.model_fields.items())
        return
    assert is_dataclass(section)  # noqa: S101 - for the type checkers
    for one in fields(section):
        made = one.default_factory is not MISSING
        yield one.name, Path("<user data>/somagent") if made else one.default


def _section_in(kind: object) -> type | None:
    """The section that a type is, or is a list of."""
    candidates: tuple[object, ...] = get_args(kind) if get_origin(kind) is tuple else (kind,)
    for candidate in candidates:
        if isinstance(candidate, type) and is_dataclass(candidate):
            return candidate
    return None


def _meaning_of(slot: _Slot) -> str:
    said = (note.description for note in slot.notes if isinstance(note, FieldInfo))
    return next((words for words in said if words), "")


def _words_of(slot: _Slot) -> str:
    kind = slot.kind
    if NoneType in get_args(kind) or "secret:" in _pattern_of(slot):
        return "a secret reference"
    if not isinstance(kind, type):
        return "text"
    if issubclass(kind, StrEnum):
        return ", ".join(f"`{member.value}`" for member in kind)
    if kind in _NUMBERS:
        return _NUMBERS[kind] + _bounds_of(slot)
    return "a path" if issubclass(kind, Path) else "text"


_NUMBERS: Final[Mapping[type, str]] = {
    bool: "`true` or `false`",
    int: "a whole number",
    float: "a number",
}


def _pattern_of(slot: _Slot) -> str:
    patterns: Iterator[object] = (getattr(note, "pattern", None) for note in slot.notes)
    return next((one for one in patterns if isinstance(one, str)), "")


def _bounds_of(slot: _Slot) -> str:
    bounds: dict[str, object] = {}
    for note in slot.notes:
        for one in note.metadata if isinstance(note, FieldInfo) else ():
            for name in ("ge", "gt", "le"):
                if (bound := getattr(one, name, None)) is not None:
                    bounds[name] = bound
    lowest, above, highest = (bounds.get(name) for name in ("ge", "gt", "le"))
    words = f"above {above}" if above is not None else ("" if lowest is None else f"{lowest}")
    if highest is not None:
        words += f" to {highest}"
    return f", {words}" if words else ""
