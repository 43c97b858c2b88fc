"""The circuit breakers of this process, one for each provider or tool."""

from collections import OrderedDict
from collections.abc import Collection
from typing import Final, final

from application.kernel.ports import Clock
from domain.kernel.circuit_breaker import CircuitBreaker
from domain.kernel.resilience import BREAKERS, Guarded

MOST_BREAKERS: Final = 4_096
"""Breakers that have failures to count; beyond it the one least recently touched is forgotten."""


@final
class LocalProviderHealth:
    """A name without a breaker is well: only failures are remembered."""

    def __init__(self, clock: Clock, guarded: Guarded) -> None:
        self._clock = clock
        self._new = CircuitBreaker(terms=BREAKERS[guarded])
        self._breakers: OrderedDict[str, CircuitBreaker] = OrderedDict()

    def allows(self, name: str) -> bool:
        breaker = self._breakers.get(name)
        if breaker is None:
            return True
        breaker, allowed = breaker.allows(self._clock.monotonic())
        self._breakers[name] = breaker
        return allowed

    def succeeded(self, name: str) -> None:
        breaker = self._breakers.get(name)
        if breaker is None:
            return
        breaker = breaker.succeeded(self._clock.monotonic())
        if breaker == self._new:
            del self._breakers[name]
        else:
            self._breakers[name] = breaker

    def failed(self, name: str) -> None:
        breaker = self._breakers.get(name, self._new)
        self._breakers[name] = breaker.failed(self._clock.monotonic())
        self._breakers.move_to_end(name)
        if len(self._breakers) > MOST_BREAKERS:
            self._breakers.popitem(last=False)

    def refusing(self) -> Collection[str]:
        if not self._breakers:
            return ()
        now = self._clock.monotonic()
        return frozenset(
            name for name, breaker in self._breakers.items() if not breaker.admits(now)
        )
