"""The points at which this process was told to fail."""

import os
import signal
from asyncio import Event
from collections import Counter
from collections.abc import Mapping
from typing import Final, final

from adapters.failpoints.catalogue import POINTS
from adapters.failpoints.orders import Deed, Order, orders_of

MARK: Final = "failpoint"
"""The first word of the line that is written on standard error when an order is carried out."""


@final
class Failpoints:
    """Counts the passes of every point that has an order, and carries the order out."""

    def __init__(self, orders: Mapping[str, Order]) -> None:
        self.orders = orders
        self._passes: Counter[str] = Counter()

    @classmethod
    def of(cls, text: str) -> "Failpoints":
        """Raises: UnknownFailpointError: What is written names no point, or no deed."""
        return cls(orders_of(text, POINTS))

    def __bool__(self) -> bool:
        return bool(self.orders)

    def concern(self, prefix: str) -> bool:
        """Whether there is an order for a point whose name begins so."""
        return any(point.startswith(f"{prefix}.") for point in self.orders)

    async def reach(self, point: str, error: Exception) -> None:
        """Pass a point: nothing, or what was ordered.

        Raises:
            Exception: The given one, where that was ordered.
        """
        order = self.orders.get(point)
        if order is None:
            return
        self._passes[point] += 1
        if self._passes[point] != order.nth:
            return
        # Not through a stream: what is buffered there would die with the process.
        os.write(2, f"{MARK} {point}: {order.deed}\n".encode())
        match order.deed:
            case Deed.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            case Deed.STOP:
                os.kill(os.getpid(), signal.SIGSTOP)
            case Deed.HANG:
                await Event().wait()
            case Deed.ERROR:
                raise error
            case Deed.NOTE:
                pass
