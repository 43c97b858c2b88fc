"""Tell an operator what this server is, and how the parts under it are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import final

from application.kernel.ports import Clock
from application.operations.ports import PartCondition, Parts
from domain.kernel.identifiers import ServerId


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerIdentity:
    """What does not change while the process runs.

    It started at `started_at`, and at `started` in seconds of the monotonic clock.
    """

    server_id: ServerId
    version: str
    profile: str
    mode: str
    started: float
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerDescription:
    identity: ServerIdentity
    uptime_seconds: float
    parts: Sequence[PartCondition]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeServer:
    identity: ServerIdentity
    parts: Parts
    clock: Clock

    async def __call__(self) -> ServerDescription:
        return ServerDescription(
            identity=self.identity,
            uptime_seconds=self.clock.monotonic() - self.identity.started,
            parts=await self.parts.conditions(),
        )
