"""Tools' names as providers accept them, and back."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Self

_LONGEST: Final = 64
_REFUSED: Final = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(frozen=True, slots=True)
class ToolNames:
    """Each tool's name on the wire: of letters, digits, `_` and `-`, at most 64, no two equal."""

    sent: Mapping[str, str]
    known: Mapping[str, str]

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        sent: dict[str, str] = {}
        known: dict[str, str] = {}
        for name in names:
            if name in sent:
                continue
            plain = written = _REFUSED.sub("_", name)[:_LONGEST] or "_"
            number = 1
            while written in known:
                number += 1
                ending = f"_{number}"
                written = plain[: _LONGEST - len(ending)] + ending
            sent[name] = written
            known[written] = name
        return cls(sent, known)

    def name(self, written: str) -> str:
        """The tool that a model named; a name that was never sent stays as it came."""
        return self.known.get(written, written)
