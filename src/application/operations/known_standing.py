"""Keep at hand what alarms are set on."""

from typing import final

from application.operations.ports import Findings, Standing


@final
class KnownStanding:
    """What was last read of the standing, for whoever asks between two readings."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._standing = Standing()

    @property
    def standing(self) -> Standing:
        return self._standing

    async def look(self) -> None:
        self._standing = await self._findings.standing()
