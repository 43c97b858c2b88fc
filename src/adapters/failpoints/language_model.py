"""A language model with points along its stream."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import final

from adapters.failpoints.catalogue import MODEL
from adapters.failpoints.failpoints import Failpoints
from application.conversation.ports.models import (
    LanguageModel,
    ModelChunk,
    ModelEnd,
    ModelRequest,
)
from domain.conversation.errors import ModelFailedError


@final
class LanguageModelWithPoints:
    def __init__(self, model: LanguageModel, failpoints: Failpoints) -> None:
        self._model = model
        self._failpoints = failpoints

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk]:
        """The model's stream. A point that is ordered to fail ends it as a provider's failure."""
        await self._reach("before", request)
        texts = 0
        async with aclosing(self._model.stream(request)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, ModelEnd):
                    await self._reach("end", request)
                else:
                    texts += 1
                    if place := {1: "first", 2: "middle"}.get(texts):
                        await self._reach(place, request)
                yield chunk

    async def _reach(self, place: str, request: ModelRequest) -> None:
        failure = ModelFailedError(request.capability.name, "a failpoint was ordered to")
        await self._failpoints.reach(f"{MODEL}.{place}", failure)
