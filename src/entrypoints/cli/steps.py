"""Steps of a start on the screen: what runs now, what is done and how long it took."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from time import monotonic
from types import MappingProxyType, TracebackType
from typing import Final, Self

from rich.status import Status
from rich.text import Text

from entrypoints.cli.screen import Screen

NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "postgres": "PostgreSQL",
        "migrations": "schema",
        "model": "model",
        "server": "gRPC server",
    }
)
"""What people call the steps that the service reports."""

_BEGINS: Final = "started"
_ENDS: Final = frozenset({"done", "ready", "not wanted"})
_WIDTH: Final = 14


class Steps(AbstractContextManager["Steps"]):
    """One step at a time. On a terminal something turns beside the step that runs."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._live = screen.out.is_terminal
        self._status: Status | None = None
        self._name = ""
        self._start = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        name = self._name
        self._stop()
        if error is not None and name:
            self._line("failed", name, "", "red")

    def report(self, step: str, stage: str) -> None:
        """What the service says while it starts: a step and where it stands."""
        name = NAMES.get(step, step)
        if stage == _BEGINS:
            self.begin(name, slow=True)
        elif step == "server" and stage != "done":
            self._name = self._name or name
            self.done(stage)
        elif stage in _ENDS:
            if self._name == name:
                self.done("" if stage == "done" else stage)
        elif self._name != name:
            self.begin(name, stage, slow=True)
        else:
            self._turn(stage)

    def ignore(self, step: str, stage: str) -> None:
        """Take no notice, where nobody reads."""

    def begin(self, name: str, words: str = "", *, slow: bool = False) -> None:
        """Begin a step; off the terminal one that may be slow is told of before it is done."""
        self._stop()
        self._name, self._start = name, monotonic()
        if self._live:
            self._status = self._screen.out.status("", spinner="line")
            self._status.start()
            self._turn(words)
        elif slow:
            self._line("...", name, words, "dim")

    def done(self, words: str = "") -> None:
        """The step that runs is done."""
        name, seconds = self._name, monotonic() - self._start
        self._stop()
        timed = f"{words}  {seconds:.1f} s" if words else f"{seconds:.1f} s"
        self._line("ok", name, timed, "green")

    def passed(self, name: str, words: str) -> None:
        """A step that took no time."""
        self._stop()
        self._line("ok", name, words, "green")

    def _turn(self, words: str) -> None:
        if self._status is not None:
            self._status.update(Text(f"{self._name:<{_WIDTH}} {words}"))

    def _stop(self) -> None:
        if self._status is not None:
            self._status.stop()
        self._status, self._name = None, ""

    def _line(self, mark: str, name: str, words: str, style: str) -> None:
        line = Text(f"{mark:<7}", style=style) + Text(f"{name:<{_WIDTH}}", style="default")
        self._screen.say(line + Text(self._screen.plain(f" {words}"), style="dim"))
