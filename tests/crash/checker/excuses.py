"""What may go wrong for anybody goes wrong seldom, unless its run brings it about."""

from collections.abc import Iterator
from typing import Final

import grpc

from tests.crash.checker.violation import Kind, Violation
from tests.crash.evidence import FINAL, Asked, Evidence
from tests.crash.script import KINDS

ANYBODY: Final = frozenset(
    {"DATABASE_UNAVAILABLE", "DEADLINE_EXCEEDED", "OVERLOADED", "SHUTTING_DOWN"}
)
"""Why any request may be refused where servers and their database are in trouble."""

SLOW: Final = frozenset({"DATABASE_UNAVAILABLE", "MODEL_TIMED_OUT"})
"""Why a turn may fail on a machine that has too much to do, where nothing was done to it."""

FEW: Final = 2

SHARE: Final = 10
"""One of so many, and a few besides, is seldom."""


def check_excuses(evidence: Evidence) -> Iterator[Violation]:
    """Most turns and requests are served where nobody touches what they need."""
    if evidence.troubled or evidence.orders_errors:
        return
    ended = [asked for asked in evidence.asked if asked.last in FINAL]
    failed = sum(1 for asked in ended if _is_excused(asked))
    if failed > FEW + len(ended) // SHARE:
        what = f"{failed} of {len(ended)} turns failed, and nothing was done to what they need"
        yield Violation(Kind.STUCK, what)
    excused = [one.error for one in evidence.refusals if one.error.reason in ANYBODY]
    last = sum(1 for one in excused if one.code is not grpc.StatusCode.UNAVAILABLE)
    served = evidence.answered + len(ended)
    if last > FEW + served // SHARE:
        yield Violation(Kind.STUCK, f"{last} requests were turned away, and {served} served")
    tried = sum(1 for one in excused if one.reason != "SHUTTING_DOWN")
    if tried > FEW + served:
        yield Violation(Kind.STUCK, f"{tried} tries were refused, and {served} requests served")


def _is_excused(asked: Asked) -> bool:
    """Whether its turn failed for what the laboratory does not bring about."""
    if asked.last != "failed":
        return False
    reason = asked.heard[-1].failed.error.reason
    return reason in SLOW and not (reason == "MODEL_TIMED_OUT" and KINDS[asked.kind].halts)
