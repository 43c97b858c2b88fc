"""Which providers serve a kind of work, in which order, before anything cuts them down."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.capability.capability import Capability, Modality


class Route(StrEnum):
    """A kind of work whose providers have an order. Text has none: there the tiers decide."""

    IMAGE_DIAGRAM = "image_diagram"
    IMAGE_PHOTO = "image_photo"
    SCREENSHOT = "screenshot"
    VIDEO_SHORT = "video_short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One place of a route: a provider, or anyone with a model (None), of a modality."""

    provider: str | None
    modality: Modality
    enterprise_only: bool = False

    def is_served_by(self, capability: Capability) -> bool:
        if capability.modality is not self.modality:
            return False
        if self.provider is None:
            return bool(capability.model)
        return capability.provider == self.provider


CAPABILITY_ROUTING: Final[Mapping[Route, tuple[Stop, ...]]] = MappingProxyType(
    {
        Route.IMAGE_DIAGRAM: (
            Stop(provider="mermaid", modality=Modality.IMAGE),
            Stop(provider="plantuml", modality=Modality.IMAGE),
            Stop(provider=None, modality=Modality.IMAGE),
        ),
        Route.IMAGE_PHOTO: (
            Stop(provider="openai", modality=Modality.IMAGE),
            Stop(provider="stability", modality=Modality.IMAGE),
        ),
        Route.SCREENSHOT: (Stop(provider="playwright", modality=Modality.IMAGE),),
        Route.VIDEO_SHORT: (
            Stop(provider="runway", modality=Modality.VIDEO, enterprise_only=True),
            Stop(provider="pika", modality=Modality.VIDEO, enterprise_only=True),
        ),
    }
)


def place_on(route: Route, capability: Capability) -> int | None:
    """Where a capability stands on a route, from 0; None when it does not."""
    stops = enumerate(CAPABILITY_ROUTING[route])
    return next((place for place, stop in stops if stop.is_served_by(capability)), None)
