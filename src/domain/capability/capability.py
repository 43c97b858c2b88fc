"""A model or tool that can serve a modality, and its limits."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.capability.errors import CapabilityInvalidError
from domain.kernel.provider_price import FREE, ProviderPrice
from domain.kernel.tier import Tier

LONGEST_NAME: Final = 128
"""Characters of a capability's name: names go into refusals and records."""


class Modality(StrEnum):
    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    EMBEDDING = "embedding"


class ToolCalling(StrEnum):
    """How a model calls tools: by itself, through a JSON schema its output obeys, not at all."""

    NATIVE = "native"
    JSON_SCHEMA = "json_schema"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What serves a modality, under a name of its own.

    Attributes:
        name: Unique among a tenant's capabilities.
        modality: What it serves.
        provider: The party behind it; its circuit breaker is shared by all its capabilities.
        model: The provider's name of the model; empty where there is none (a diagram renderer).
        model_tier: How able it is.
        cost_tier: How dear it is.
        context_window: Tokens of prompt and reply together; 0 where tokens mean nothing.
        price: What the provider charges us.
        tool_calling: How it calls tools.
        priority: Among equals the greater goes first.
        enabled: Whether it may be chosen at all.
        local: Whether it runs on this machine.
        supports_logprobs: Whether the provider gives token probabilities.

    Raises:
        CapabilityInvalidError: A name is empty or too long, or the window or a price is
            negative.
    """

    name: str
    modality: Modality
    provider: str
    model: str
    model_tier: Tier
    cost_tier: Tier
    context_window: int = 0
    price: ProviderPrice = FREE
    tool_calling: ToolCalling = ToolCalling.NONE
    priority: int = 0
    enabled: bool = True
    local: bool = False
    supports_logprobs: bool = False

    def __post_init__(self) -> None:
        if not self.name or not self.provider:
            raise CapabilityInvalidError(self.name, "a name and a provider are needed")
        if len(self.name) > LONGEST_NAME:
            raise CapabilityInvalidError(self.name[:LONGEST_NAME], "its name is too long")
        if self.context_window < 0:
            raise CapabilityInvalidError(self.name, "the context window is negative")
        if min(self.price.input, self.price.cached, self.price.output) < 0:
            raise CapabilityInvalidError(self.name, "a price is negative")
