"""Measures and logs what reconciliations could not look at."""

import logging
from typing import Final, final

from adapters.telemetry.catalogue import DEFECTS, UNCHECKED
from adapters.telemetry.instruments import Metrics
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import TenantId
from domain.operations.finding import Look, Scope

LOG: Final = logging.getLogger("somagent.reconciliation")


@final
class ObservedPasses:
    """A `PassObserver`. What took too long is told in a line, anything else with its trace."""

    def __init__(self, metrics: Metrics) -> None:
        self._unchecked = metrics.counters[UNCHECKED]
        self._defects = metrics.counters[DEFECTS]

    def unchecked(self, look: Look, tenant_id: TenantId | None, error: Exception) -> None:
        self._unchecked.add(look.value)
        LOG.error(
            "a reconciliation could not look",
            extra={"look": look.value, "of": "all" if tenant_id is None else str(tenant_id)},
            exc_info=self._defect(error),
        )

    def unrenewed(self, scope: Scope, error: Exception) -> None:
        LOG.warning(
            "a reconciliation could not be renewed",
            extra={"scope": scope.value},
            exc_info=self._defect(error),
        )

    def _defect(self, error: Exception) -> Exception | None:
        """The error where it is no outage, counted."""
        if isinstance(error, StorageUnavailableError):
            return None
        self._defects.add()
        return error
