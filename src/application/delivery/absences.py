"""Topics that take nothing for now, while others go on."""

from dataclasses import dataclass, field
from typing import TypeAlias, final

from domain.delivery.retry import RETRY_RULES, Trouble

Key: TypeAlias = tuple[int, int]
"""The numbers of a tenant's and a key's identifiers: these are hashed and compared faster."""


@dataclass(slots=True)
class _Absence:
    times: int
    due_at: float
    asked_by: Key | None = None


@final
@dataclass(slots=True, eq=False)
class Absences:
    """Which topics are away. One key at a time asks whether a topic is back: others wait for it.

    Times are those of the monotonic clock; `fraction` is a random number in [0, 1).
    """

    topics: dict[str, _Absence] = field(default_factory=dict[str, _Absence])

    def is_waited_for(self, topic: str, now: float) -> bool:
        """Whether nothing is to be sent to this topic now."""
        known = self.topics.get(topic)
        return known is not None and (known.asked_by is not None or now < known.due_at)

    def asks(self, topic: str, key: Key) -> None:
        """An event of this key is on its way to a topic that nobody waits for."""
        if (known := self.topics.get(topic)) is not None:
            known.asked_by = key

    def is_away(self, topic: str, key: Key, now: float, fraction: float) -> bool:
        """An event of this key found the topic away; whether that is news."""
        known = self.topics.get(topic)
        times = 1 if known is None else known.times + 1
        # What was under way together with the first that found it so, counts with that one.
        if known is None or known.asked_by == key:
            pause = RETRY_RULES[Trouble.AWAY].pause(times, fraction)
            due_at = now if pause is None else now + pause.total_seconds()
            self.topics[topic] = _Absence(times, due_at)
        return known is None

    def has_answered(self, topic: str, key: Key) -> None:
        """What this key had on its way has ended, however it did: another may ask."""
        known = self.topics.get(topic)
        if known is not None and known.asked_by == key:
            known.asked_by = None

    def is_back(self, topic: str) -> bool:
        """The topic took an event; whether it was away, and none is any more."""
        return self.topics.pop(topic, None) is not None and not self.topics
