"""Modules that mark an `xdist_group` are run by one worker each: their tests share a server.

`--dist loadgroup` says so by itself, but pytest-xdist 3.8 writes the group where pytest 9.2 does
not look any more, and hands such tests to any worker.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# mypy: disable-error-code="import-untyped, misc, no-any-unimported"
# pytest-xdist ships no types.

from functools import cache
from pathlib import Path
from typing import final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling


@final
class Together(LoadScopeScheduling):
    """A test by itself is a unit of work, save where its module marks a group."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if _marks_a_group(self.config.rootpath / module) else nodeid


@cache
def _marks_a_group(module: Path) -> bool:
    return "xdist_group" in module.read_text(encoding="utf-8")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together | None:
    return Together(config, log) if config.getvalue("dist") == "loadgroup" else None
