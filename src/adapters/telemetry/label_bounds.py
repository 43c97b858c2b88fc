"""What labels of metrics may say: their values, or how many different ones at most."""

from typing import Final

from application.conversation.ports.observing import TakenOver
from domain.conversation.phase import Phase, PhaseStatus
from domain.conversation.turn import TurnState
from domain.delivery.topic import TOPIC_NAMES
from domain.kernel.metering import Metric
from domain.operations.finding import FindingKind, Look

METHODS: Final = 64
REASONS: Final = 128
PROVIDERS: Final = 32
PARTITIONS: Final = 256

CODES: Final = frozenset(
    {
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    }
)
STATES: Final = frozenset(state.name.lower() for state in TurnState)
PHASES: Final = frozenset(phase.value for phase in Phase)
STATUSES: Final = frozenset(status.value for status in PhaseStatus)
TOPICS: Final = frozenset(TOPIC_NAMES)
PUBLISHED: Final = frozenset({"ok", "away", "failed", "refused"})
FINDING_KINDS: Final = frozenset(kind.value for kind in FindingKind)
LOOKS: Final = frozenset(look.value for look in Look)
METERED: Final = frozenset(metric.value for metric in Metric)
FATES: Final = frozenset({"taken", "tried", "rested"})
TAKEN_OVER: Final = frozenset(fate.value for fate in TakenOver)
RECOVERED: Final = frozenset({"succeeded", "failed", "unknown"})
ENDED_RESERVATIONS: Final = frozenset({"settled", "released"})
TOKENS: Final = frozenset({"prompt", "completion", "cached", "reasoning"})
