"""Counts what lost servers and clients left behind, and what became of it."""

from logging import getLogger
from typing import Final, final

from adapters.telemetry.catalogue import DEFECTS, LOST_CALLS, LOST_RESERVATIONS
from adapters.telemetry.instruments import Metrics
from domain.kernel.identifiers import InvocationId
from domain.tools.invocation import InvocationState

LOG: Final = getLogger("somagent.calls")


@final
class ObservedLosses:
    """A `CallObserver` and a `ReservationObserver`."""

    def __init__(self, metrics: Metrics) -> None:
        self._calls = metrics.counters[LOST_CALLS]
        self._reservations = metrics.counters[LOST_RESERVATIONS]
        self._defects = metrics.counters[DEFECTS]

    def recovered(self, state: InvocationState) -> None:
        self._calls.add(state.name.lower())
        self._reservations.add("settled")

    def broke(self, invocation_id: InvocationId, error: Exception) -> None:
        self._defects.add()
        LOG.error("a call broke that was left", extra={"call": str(invocation_id)}, exc_info=error)

    def released(self, reservations: int) -> None:
        self._reservations.add("released", amount=reservations)
