"""Where a command writes: the terminal or pipe, as people or as scripts read it."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import orjson
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from application.kernel.ports import Json

_STEERING: Final = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)
"""Controls but tab and line feed, changes of direction, halves of characters."""

_PIPED_WIDTH: Final = 100


def printable(text: str) -> str:
    """The text without what could steer a terminal: models, tools and users write it."""
    return _STEERING.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def one_line(text: str, longest: int = 160) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(printable(text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


@dataclass(frozen=True, slots=True)
class Screen:
    """Standard output and standard error; `json` when a script reads the output."""

    out: Console
    err: Console
    json: bool = False

    @classmethod
    def standard(cls, *, json: bool = False) -> Self:
        width = None if sys.stdout.isatty() else _PIPED_WIDTH
        return cls(
            out=Console(highlight=False, width=width, emoji=False),
            err=Console(stderr=True, highlight=False, emoji=False),
            json=json,
        )

    @classmethod
    def of_errors(cls) -> Self:
        """For what is told beside a result, on standard error alone."""
        console = Console(stderr=True, highlight=False, emoji=False)
        return cls(out=console, err=console)

    @property
    def interactive(self) -> bool:
        """Whether somebody sits there who can answer and interrupt."""
        return self.out.is_terminal and sys.stdin.isatty() and not self.json

    def say(self, text: str | Text = "", style: str = "") -> None:
        """Write a line, never cut or wrapped, so that it can be copied."""
        shown = text if isinstance(text, Text) else Text(self.plain(text))
        self.out.print(shown, style=style or None, soft_wrap=True)

    def append(self, text: str, style: str = "") -> None:
        """Write at once, without ending the line."""
        shown = Text(self.plain(printable(text)))
        self.out.print(shown, style=style or None, soft_wrap=True, end="")
        self.out.file.flush()

    def show(self, shown: RenderableType) -> None:
        self.out.print(shown)

    def note(self, text: str, style: str = "dim") -> None:
        """Write what is not the result, beside it."""
        self.err.print(Text(self.plain(text)), style=style, soft_wrap=True)

    def emit(self, value: Json) -> None:
        """Write one JSON value on one line."""
        self.out.file.write(orjson.dumps(value).decode() + "\n")
        self.out.file.flush()

    def plain(self, text: str) -> str:
        """The text as the terminal's encoding can show it."""
        encoding = self.out.encoding
        if encoding.startswith("utf"):
            return text
        for fancy, modest in (("─", "-"), ("█", "#"), ("·", "-"), ("…", "..."), ("✓", "+")):
            text = text.replace(fancy, modest)
        return text.encode(encoding, errors="replace").decode(encoding)

    def table(self, title: str, columns: Sequence[str], numbers: Sequence[str] = ()) -> Table:
        """An empty table in the one style of all; the columns in `numbers` stand to the right."""
        table = Table(
            title=title,
            title_justify="left",
            title_style="bold",
            header_style="dim",
            box=box.SIMPLE_HEAD if self.out.encoding.startswith("utf") else box.ASCII2,
            show_edge=False,
            pad_edge=False,
        )
        for column in columns:
            table.add_column(column, justify="right" if column in numbers else "left")
        return table
