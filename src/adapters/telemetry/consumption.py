"""Measures and logs what becomes of messages of other systems."""

import logging
from typing import Final, final

from adapters.telemetry.catalogue import (
    DEAD_LETTERS,
    DEAD_LETTERS_GONE,
    FENCED,
    MESSAGE_AGE,
    MESSAGE_LAG,
    MESSAGES,
)
from adapters.telemetry.instruments import Metrics
from domain.delivery.incoming_message import IncomingMessage, Partition
from domain.kernel.errors import DomainError

LOG: Final = logging.getLogger("somagent.consumers")


@final
class ObservedConsumption:
    """A `ConsumptionObserver`. Of a message the log has its place, never what it says."""

    def __init__(self, metrics: Metrics) -> None:
        self._messages = metrics.counters[MESSAGES]
        self._letters = metrics.counters[DEAD_LETTERS]
        self._gone = metrics.counters[DEAD_LETTERS_GONE]
        self._lag: dict[Partition, tuple[int, float]] = {}
        self._fenced = 0
        metrics.levels[MESSAGE_LAG].read = lambda: {
            (place.topic, str(place.number)): messages for place, (messages, _) in self._lag.items()
        }
        metrics.levels[MESSAGE_AGE].read = lambda: {
            (place.topic, str(place.number)): age for place, (_, age) in self._lag.items()
        }
        metrics.gauges[FENCED].read = lambda: self._fenced

    def taken(self, topic: str) -> None:
        self._messages.add(topic, "taken")

    def tried(self, topic: str, reason: str) -> None:
        self._messages.add(topic, "tried")
        LOG.info("a message is tried again", extra={"topic": topic, "reason": reason})

    def rested(self, message: IncomingMessage, reason: str, error: Exception) -> None:
        self._messages.add(message.partition.topic, "rested")
        self._letters.add(reason)
        defect = None if isinstance(error, DomainError) else error
        LOG.warning(
            "a message became a dead letter",
            extra={"origin": message.origin, "reason": reason},
            exc_info=defect,
        )

    def gave_way(self, letters: int) -> None:
        self._gone.add(amount=letters)

    def lags(self, partition: Partition, messages: int, oldest_seconds: float) -> None:
        self._lag[partition] = messages, oldest_seconds

    def lost(self, partition: Partition) -> None:
        self._lag.pop(partition, None)

    def fenced(self) -> None:
        self._lag.clear()
        self._fenced = 1
        LOG.error(
            "another process reads under this one's name, and has its partitions: give each a "
            "kafka.consumers.instance of its own; this one reads again when the other is gone"
        )

    def unsure(self, error: Exception) -> None:
        LOG.warning("who has this reader's name cannot be asked", exc_info=error)

    def freed(self) -> None:
        self._fenced = 0
        LOG.warning("the other process of this reader's name is gone: this one reads again")
