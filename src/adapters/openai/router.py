"""Many providers as one: each capability goes to what serves its provider."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import final

from application.conversation.ports.models import (
    LanguageModel,
    ModelChunk,
    ModelRequest,
    TokenCounter,
)
from domain.capability.capability import Capability
from domain.conversation.errors import ModelFailedError


@final
class LanguageModelRouter:
    """Language models by the name of their provider; the mapping may change while this runs."""

    def __init__(self, models: Mapping[str, LanguageModel]) -> None:
        self._models = models

    def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk]:
        """Raises: ModelFailedError: At once, when nothing serves the capability's provider."""
        model = self._models.get(request.capability.provider)
        if model is None:
            raise ModelFailedError(
                request.capability.name, "its provider is not configured on this server"
            )
        return model.stream(request)


@final
class TokenCounterRouter:
    """Token counters by the name of their provider, and one for all the others."""

    def __init__(self, counters: Mapping[str, TokenCounter], otherwise: TokenCounter) -> None:
        self._counters = counters
        self._otherwise = otherwise

    async def count(self, capability: Capability, texts: Sequence[str]) -> Sequence[int]:
        return await self._of(capability).count(capability, texts)

    def exact(self, capability: Capability) -> bool:
        return self._of(capability).exact(capability)

    def _of(self, capability: Capability) -> TokenCounter:
        return self._counters.get(capability.provider, self._otherwise)
