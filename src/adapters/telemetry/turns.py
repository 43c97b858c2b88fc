"""Measures, logs and traces turns, from the times that their phases took themselves."""

import logging
from collections.abc import Callable
from typing import Final, final

from adapters.telemetry.catalogue import (
    ATTEMPTS,
    DEFECTS,
    FIRST_BYTE,
    LOST_RESERVATIONS,
    LOST_TURNS,
    PHASE_SECONDS,
    PHASE_TROUBLES,
    PROVIDER_COST,
    TOOL_CALLS,
    TURN_FAILURES,
    TURN_SECONDS,
    TURN_TOKENS,
    TURNS,
)
from adapters.telemetry.instruments import Metrics
from adapters.telemetry.logs import Share
from adapters.telemetry.tracing import Ended, Tracer
from application.conversation.ports.observing import TakenOver, TurnSummary
from application.kernel.ports import Clock
from domain.conversation.phase import PhaseStatus, PhaseTime
from domain.conversation.turn import Usage
from domain.kernel.identifiers import TurnId

LOG: Final = logging.getLogger("somagent.turns")

_MICRO: Final = 1_000_000
_NANO: Final = 1_000_000_000


@final
class ObservedTurns:
    """`trace` gives the traceparent of the call that the turn's message came with.

    A turn that goes on without one, after a crash or an approval, is a trace of its own, which has
    the turn's identifier: either is found by the other.
    """

    def __init__(
        self,
        *,
        metrics: Metrics,
        tracer: Tracer,
        clock: Clock,
        log_ratio: float,
        trace: Callable[[], str],
    ) -> None:
        self._counters = metrics.counters
        self._histograms = metrics.histograms
        self._phases = metrics.histograms[PHASE_SECONDS]
        self._tracer = tracer
        self._clock = clock
        self._share = Share(log_ratio)
        self._traceparent = trace

    def turn_ended(self, summary: TurnSummary) -> None:
        state = summary.state.name.lower()
        seconds = self._clock.monotonic() - summary.began
        self._counters[TURNS].add(state)
        self._histograms[TURN_SECONDS].observe(seconds, state)
        if summary.reason:
            self._counters[TURN_FAILURES].add(summary.reason)
        for time in summary.times:
            self._phases.observe(time.duration_us / _MICRO, time.phase.value)
            if time.status is not PhaseStatus.OK:
                self._counters[PHASE_TROUBLES].add(time.phase.value, time.status.value)
        self._use(summary.usage)
        self._attempts(summary)
        if summary.reason or self._share.takes():
            self._log(summary, state, seconds)
        below = self._traceparent()
        if self._tracer.recorded(below) if below else self._tracer.samples(summary.turn_id.int):
            self._trace(summary, state, seconds, below)

    def taken_over(self, became: TakenOver) -> None:
        self._counters[LOST_TURNS].add(became.value)
        if became not in {TakenOver.LEFT, TakenOver.BROKE}:
            self._counters[LOST_RESERVATIONS].add("settled")

    def broke(self, turn_id: TurnId, error: Exception) -> None:
        self._counters[DEFECTS].add()
        LOG.error("a turn's driver broke", extra={"turn": str(turn_id)}, exc_info=error)

    def _use(self, usage: Usage) -> None:
        tokens = self._counters[TURN_TOKENS]
        tokens.add("prompt", amount=usage.prompt_tokens)
        tokens.add("completion", amount=usage.completion_tokens)
        tokens.add("cached", amount=usage.cached_tokens)
        tokens.add("reasoning", amount=usage.reasoning_tokens)
        self._counters[TOOL_CALLS].add(amount=usage.tool_calls)
        self._counters[PROVIDER_COST].add(amount=usage.provider_cost_micro_usd)

    def _attempts(self, summary: TurnSummary) -> None:
        for attempt in summary.attempts:
            self._counters[ATTEMPTS].add(attempt.provider, attempt.outcome)
            if attempt.first_byte_us:
                self._histograms[FIRST_BYTE].observe(
                    attempt.first_byte_us / _MICRO, attempt.provider
                )

    def _log(self, summary: TurnSummary, state: str, seconds: float) -> None:
        facts = {
            "turn": str(summary.turn_id),
            "state": state,
            "reason": summary.reason,
            "milliseconds": round(seconds * 1000, 3),
            "tokens": summary.usage.tokens,
            "tool_calls": summary.usage.tool_calls,
        }
        level = logging.WARNING if summary.reason else logging.INFO
        LOG.log(level, "turn %s", state, extra=facts)

    def _trace(self, summary: TurnSummary, state: str, seconds: float, below: str) -> None:
        end = round(self._clock.now().timestamp() * _NANO)
        start = end - round(seconds * _NANO)
        self._tracer.tree(
            Ended(
                name="turn",
                start=start,
                end=end,
                failed=summary.reason,
                facts={
                    "somagent.turn": str(summary.turn_id),
                    "somagent.state": state,
                    "somagent.tokens": summary.usage.tokens,
                },
            ),
            tuple(_part(time, start) for time in summary.times),
            below=below,
            otherwise=summary.turn_id.int,
        )


def _part(time: PhaseTime, start: int) -> Ended:
    began = start + time.offset_us * 1000
    return Ended(
        name=f"phase {time.phase.value}",
        start=began,
        end=began + time.duration_us * 1000,
        failed=time.note if time.status is PhaseStatus.FAILED else "",
        facts={"somagent.phase.status": time.status.value},
    )
