"""The local model as the rest of the service sees it: how to reach it, and what it can do."""

from dataclasses import dataclass, field
from typing import Final

from domain.capability.capability import Capability, Modality, ToolCalling
from domain.kernel.tier import Tier

PROVIDER: Final = "local"
MODEL: Final = "smollm2-135m-instruct"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """A running server: its socket file, the key it asks for, and the window of one call.

    The process that started it passes these to its workers, which use it and do not watch it.
    Both stay what they are when the server is restarted.
    """

    socket: str
    key: str = field(repr=False)
    context_window: int

    async def api_key(self) -> str:
        return self.key

    def capability(self, name: str = MODEL, *, priority: int = 0) -> Capability:
        """It costs nothing, and calls a tool only where one is demanded, through a schema."""
        return Capability(
            name=name,
            modality=Modality.TEXT,
            provider=PROVIDER,
            model=MODEL,
            model_tier=Tier.BUDGET,
            cost_tier=Tier.BUDGET,
            context_window=self.context_window,
            tool_calling=ToolCalling.JSON_SCHEMA,
            priority=priority,
            local=True,
            supports_logprobs=True,
        )
