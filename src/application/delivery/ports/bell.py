"""What wakes a relay."""

from typing import Protocol


class RelayBell(Protocol):
    """Rings in a process when one of its commits left events to be published."""

    def ring(self) -> None: ...

    async def next_ring(self, seconds: float) -> None:
        """Wait until it rang since the last wait, at most so long."""
        ...
