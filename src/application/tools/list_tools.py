"""List the tools there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import final

from application.tools.ports import ToolRunner
from domain.capsule.manifest import AllowList
from domain.tools.tool import Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListToolsQuery:
    """At most `limit` with names after `after`; of a capsule where its `allow` list is given."""

    limit: int
    after: str = ""
    allow: AllowList | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ListTools:
    runner: ToolRunner

    async def __call__(self, query: ListToolsQuery) -> Sequence[Tool]:
        """By name."""
        found = (
            tool
            for tool in sorted(self.runner.tools(), key=lambda tool: tool.name)
            if tool.name > query.after and (query.allow is None or query.allow.allows(tool.name))
        )
        return tuple(islice(found, query.limit))
