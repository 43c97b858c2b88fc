"""What other systems send, as it is read from a topic."""

from dataclasses import dataclass

from domain.delivery.dead_letter import Header


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """A part of a topic, which is named without the prefix of the settings; it has an order."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMessage:
    """A message at its place. Those with one key stand in one partition, in their order.

    `written_at` is in milliseconds of Unix time, as the broker has it; 0 where it has none.
    `damage` says what of it cannot be read, and is not here therefore; empty where all of it can.
    """

    partition: Partition
    offset: int
    key: bytes
    headers: tuple[Header, ...]
    value: bytes
    written_at: int
    damage: str = ""

    @property
    def origin(self) -> str:
        """Names it among all messages, those of a topic that was made again included."""
        place = self.partition
        return f"{place.topic}/{place.number}/{self.offset}@{self.written_at}"

    @property
    def size(self) -> int:
        """Bytes of what it carries."""
        return len(self.key) + len(self.value) + sum(len(value) for _, value in self.headers)

    def header(self, name: str) -> str:
        """The value of a header; empty where there is none, or two that differ, or no text."""
        values = {value for known, value in self.headers if known.lower() == name}
        if len(values) != 1:
            return ""
        try:
            return values.pop().decode()
        except UnicodeDecodeError:
            return ""
