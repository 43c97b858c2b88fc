"""Compare the JSON form of events with the released one: what a reader relied on must be there.

usage: python infra/proto/event_changes.py check DIRECTORY RELEASED
       python infra/proto/event_changes.py release DIRECTORY RELEASED

RELEASED is one file with all schemas as they were released, without their descriptions. `check`
names every change that would break a reader and ends with 1; `release` writes the file anew.
"""

# ruff: noqa: INP001 - a script, no module of a package

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


_APART: Final = frozenset({"properties", "$defs", "enum", "required"})
"""Words of a schema that are compared by what they list."""


def breaks(path: str, before: Json, after: Json) -> Iterator[str]:
    """Every way in which what was released would not hold any more."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        if before != after:
            yield f"{path}: was {json.dumps(before)}, is {json.dumps(after)}"
        return
    for word in ("properties", "$defs"):
        yield from _missing(f"{path}.{word}", before.get(word), after.get(word))
    if lost := _values(before.get("enum")) - _values(after.get("enum")):
        yield f"{path}: the values {', '.join(sorted(lost))} are gone"
    if asked := _values(after.get("required")) - _values(before.get("required")):
        yield f"{path}: {', '.join(sorted(asked))} was optional"
    for word in sorted((before.keys() | after.keys()) - _APART):
        yield from breaks(f"{path}.{word}", before.get(word), after.get(word))


def _missing(path: str, before: Json, after: Json) -> Iterator[str]:
    known = after if isinstance(after, dict) else {}
    for name, schema in (before if isinstance(before, dict) else {}).items():
        if name in known:
            yield from breaks(f"{path}.{name}", schema, known[name])
        else:
            yield f"{path}.{name}: is gone"


def _values(listed: Json) -> set[str]:
    return {str(one) for one in listed} if isinstance(listed, list) else set()


def plain(schema: Json) -> Json:
    """A schema without what only people read."""
    if isinstance(schema, list):
        return [plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        word: _named(part) if word in {"properties", "$defs"} else plain(part)
        for word, part in schema.items()
        if word != "description"
    }


def _named(parts: Json) -> Json:
    """A property may be called `description`."""
    return {name: plain(part) for name, part in parts.items()} if isinstance(parts, dict) else parts


def schemas(folder: Path) -> dict[str, Json]:
    return {
        file.stem: plain(json.loads(file.read_text(encoding="utf-8")))
        for file in sorted(folder.glob("*.v*.json"))
    }


def main() -> int:
    verb, folder, released = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    now = schemas(folder)
    if verb == "release":
        released.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return 0
    broken = list(_missing("events", json.loads(released.read_text(encoding="utf-8")), {**now}))
    for change in broken:
        sys.stderr.write(f"{change}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
