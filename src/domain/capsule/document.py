"""Reads the parts of a document one by one, and gathers every fault with its path."""

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeVar, cast

from domain.kernel.errors import Violation

E = TypeVar("E", bound=StrEnum)

_SHOWN: Final = 64


class Document:
    """A mapping of a document, at a path; its children share one list of faults.

    Every read answers something of the right type, a fallback where the document has a fault: so
    one reading finds all of them.
    """

    def __init__(
        self,
        content: object,
        path: str = "",
        faults: list[Violation] | None = None,
    ) -> None:
        self.faults: list[Violation] = [] if faults is None else faults
        self._path = path
        self._fields: Mapping[str, object] = {}
        if isinstance(content, Mapping):
            self._fields = cast("Mapping[str, object]", content)
        else:
            self.fault("", "must be a mapping")

    def fault(self, name: str, description: str) -> None:
        self.faults.append(Violation(self._at(name), description))

    def only(self, names: Collection[str]) -> None:
        """Fault every field that is none of these."""
        for name in self._fields:
            if name not in names:
                self.fault(str(name)[:_SHOWN], "is not a field here")

    def has(self, name: str) -> bool:
        return self._fields.get(name) is not None

    def raw(self, name: str) -> object:
        return self._fields.get(name)

    def part(self, name: str) -> "Document":
        """The mapping under a name; an empty one where there is none."""
        content = self._fields.get(name)
        return Document({} if content is None else content, self._at(name), self.faults)

    def text(self, name: str, *, longest: int, needed: bool = False) -> str:
        """Text of at most so many characters, without NUL and lone surrogates."""
        value = self._fields.get(name)
        if value is None:
            if needed:
                self.fault(name, "is missing")
            return ""
        if not isinstance(value, str):
            self.fault(name, "must be text")
            return ""
        if len(value) > longest:
            self.fault(name, f"has more than {longest} characters")
        elif needed and not value.strip():
            self.fault(name, "is empty")
        elif not _is_storable(value):
            self.fault(name, "has a NUL or a lone surrogate")
        else:
            return value
        return ""

    def flag(self, name: str, *, fallback: bool) -> bool:
        value = self._fields.get(name, fallback)
        if isinstance(value, bool):
            return value
        self.fault(name, "must be true or false")
        return fallback

    def whole(self, name: str, *, low: int, high: int, fallback: int) -> int:
        value = self._fields.get(name, fallback)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.fault(name, f"must be a whole number from {low} to {high}")
        return fallback

    def share(self, name: str) -> float:
        """A number in [0, 1]."""
        value = self._fields.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
            return float(value)
        self.fault(name, "must be a number from 0 to 1")
        return 0.0

    def choice(self, name: str, fallback: E) -> E:
        """One of the values of an enumeration."""
        value = self._fields.get(name, fallback.value)
        kinds = type(fallback)
        if isinstance(value, str) and value in {kind.value for kind in kinds}:
            return kinds(value)
        self.fault(name, f"must be one of: {', '.join(kind.value for kind in kinds)}")
        return fallback

    def names(self, name: str, *, most: int, fits: Callable[[str], bool]) -> frozenset[str]:
        """A list of names, each once."""
        value = self._fields.get(name)
        if value is None:
            return frozenset()
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            self.fault(name, "must be a list of names")
            return frozenset()
        items = cast("Sequence[object]", value)
        if len(items) > most:
            self.fault(name, f"has more than {most} names")
            return frozenset()
        found: set[str] = set()
        for place, item in enumerate(items):
            if not isinstance(item, str) or not fits(item):
                self.fault(f"{name}[{place}]", "is not a name")
            elif item in found:
                self.fault(f"{name}[{place}]", "stands there twice")
            else:
                found.add(item)
        return frozenset(found)

    def _at(self, name: str) -> str:
        return ".".join(part for part in (self._path, name) if part)


def _is_storable(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
