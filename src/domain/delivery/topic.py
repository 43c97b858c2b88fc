"""Where published events go: a topic for each kind of reader, and its dead letters."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final


class Topic(Enum):
    """A stream of messages. Its name on a broker stands behind the prefix of the settings."""

    CONVERSATION_INBOUND = "conversation.inbound"
    """Messages for sessions, from other systems."""
    CONVERSATION_OUTBOUND = "conversation.outbound"
    """What became of turns."""
    TOOL_REQUESTS = "tool.requests"
    """Calls of tools, from other systems."""
    TOOL_RESULTS = "tool.results"
    """What became of calls, and which wait for a person."""
    AUDIT_EVENTS = "audit.events"
    """What must be accounted for."""
    USAGE_EVENTS = "usage.events"
    """What was used, and how close to its limits."""
    PROVENANCE_RECORDS = "provenance.records"
    """What was recorded and sealed."""
    MEMORY_WAL = "memory.wal"
    """What was remembered and forgotten, without its content."""

    @property
    def dead_letters(self) -> str:
        """The name of the topic of those of its messages that nobody could take."""
        return f"{self.value}.dlq"


CONSUMED: Final = frozenset({Topic.CONVERSATION_INBOUND.value, Topic.TOOL_REQUESTS.value})
"""The topics that this service reads: other systems write to them."""

TOPIC_OF: Final[Mapping[str, Topic]] = MappingProxyType(
    {
        "turn.accepted": Topic.CONVERSATION_OUTBOUND,
        "turn.paused": Topic.CONVERSATION_OUTBOUND,
        "turn.resumed": Topic.CONVERSATION_OUTBOUND,
        "turn.completed": Topic.CONVERSATION_OUTBOUND,
        "turn.failed": Topic.CONVERSATION_OUTBOUND,
        "turn.cancelled": Topic.CONVERSATION_OUTBOUND,
        "tool.invoked": Topic.TOOL_RESULTS,
        "approval.requested": Topic.TOOL_RESULTS,
        "approval.decided": Topic.TOOL_RESULTS,
        "audit.recorded": Topic.AUDIT_EVENTS,
        "capsule.activated": Topic.AUDIT_EVENTS,
        "usage.recorded": Topic.USAGE_EVENTS,
        "budget.warning": Topic.USAGE_EVENTS,
        "records.sealed": Topic.PROVENANCE_RECORDS,
        "memory.remembered": Topic.MEMORY_WAL,
        "memory.forgotten": Topic.MEMORY_WAL,
    }
)
"""The topic of each type of event."""


def topic_of(kind: str) -> str:
    """The name of the topic of a type of event; empty where none takes it."""
    topic = TOPIC_OF.get(kind)
    return "" if topic is None else topic.value


TOPIC_NAMES: Final = tuple(name for topic in Topic for name in (topic.value, topic.dead_letters))
"""Every topic there is, each before that of its dead letters."""
