"""Screens that can be read back."""

from dataclasses import dataclass
from io import StringIO

from rich.console import Console

from entrypoints.cli.screen import Screen


@dataclass(frozen=True, slots=True)
class ReadableScreen:
    """A screen of no terminal, and what was written to it."""

    screen: Screen
    out: StringIO
    err: StringIO

    @property
    def text(self) -> str:
        return self.out.getvalue()


def readable_screen(*, json: bool = False, width: int = 100) -> ReadableScreen:
    out, err = StringIO(), StringIO()
    screen = Screen(
        out=Console(file=out, width=width, highlight=False),
        err=Console(file=err, width=width, highlight=False),
        json=json,
    )
    return ReadableScreen(screen, out, err)
