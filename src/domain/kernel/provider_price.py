"""What a provider charges us for tokens."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

_MILLION: Final = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPrice:
    """USD for a million tokens of prompt, of cached prompt, and of reply. A local model costs 0."""

    input: Decimal = Decimal(0)
    cached: Decimal = Decimal(0)
    output: Decimal = Decimal(0)

    def cost(self, *, prompt: int, reply: int, cached: int = 0) -> Decimal:
        """USD for a call; `cached` tokens are among those of the prompt."""
        usd = self.input * (prompt - cached) + self.cached * cached + self.output * reply
        return usd / _MILLION

    def cost_micro_usd(self, *, prompt: int, reply: int, cached: int = 0) -> int:
        """The cost in whole millionths of a USD, rounded up: never under what the provider asks."""
        usd = self.cost(prompt=prompt, reply=reply, cached=cached)
        return int((usd * _MILLION).to_integral_value(ROUND_CEILING))

    def affordable_reply(self, *, usd: Decimal, prompt: int, ceiling: int) -> int:
        """The longest reply, at most `ceiling` tokens, that this much pays for with its prompt.

        The prompt is taken at its full price: what a cache will save is not known beforehand.
        """
        left = usd * _MILLION - self.input * prompt
        if left < 0:
            return 0
        if left >= self.output * ceiling:
            return ceiling
        return int((left / self.output).to_integral_value(ROUND_FLOOR))


FREE: Final = ProviderPrice()
