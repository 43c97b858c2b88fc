"""What is counted of the messages that are published."""

from collections.abc import Mapping
from dataclasses import dataclass
from logging import getLogger
from types import MappingProxyType
from typing import Final, final

from adapters.telemetry.catalogue import EVENTS_PUBLISHED
from adapters.telemetry.instruments import Metrics
from application.delivery.ports.publisher import EventPublisher, PublisherCondition
from domain.delivery.errors import EventFailedError, EventRefusedError, PublisherAwayError
from domain.delivery.outgoing_message import OutgoingMessage

LOG: Final = getLogger("somagent.events")

_OUTCOMES: Final[Mapping[type, str]] = MappingProxyType(
    {PublisherAwayError: "away", EventFailedError: "failed", EventRefusedError: "refused"}
)


@final
@dataclass(frozen=True, slots=True)
class ObservedPublisher:
    """An `EventPublisher` whose messages are counted by topic and outcome."""

    publisher: EventPublisher
    metrics: Metrics

    async def publish(self, message: OutgoingMessage) -> None:
        try:
            await self.publisher.publish(message)
        except (PublisherAwayError, EventFailedError, EventRefusedError) as error:
            self._count(message, _OUTCOMES[type(error)])
            raise
        except Exception:
            LOG.exception("a defect in publishing", extra={"topic": message.topic})
            self._count(message, "failed")
            raise
        self._count(message, "ok")

    async def condition(self) -> PublisherCondition:
        return await self.publisher.condition()

    def _count(self, message: OutgoingMessage, outcome: str) -> None:
        self.metrics.counters[EVENTS_PUBLISHED].add(message.topic, outcome)
