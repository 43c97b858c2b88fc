"""Counts what lost servers and clients left behind, and what became of it."""

from typing import final

from adapters.telemetry.catalogue import LOST_CALLS, LOST_RESERVATIONS
from adapters.telemetry.instruments import Metrics
from domain.tools.invocation import InvocationState


@final
class ObservedLosses:
    """A `CallObserver` and a `ReservationObserver`."""

    def __init__(self, metrics: Metrics) -> None:
        self._calls = metrics.counters[LOST_CALLS]
        self._reservations = metrics.counters[LOST_RESERVATIONS]

    def recovered(self, state: InvocationState) -> None:
        self._calls.add(state.name.lower())
        self._reservations.add("settled")

    def released(self, reservations: int) -> None:
        self._reservations.add("released", amount=reservations)
