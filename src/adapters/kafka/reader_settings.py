"""Who reads what from Apache Kafka, and how its client is told so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderSettings:
    """Who reads what.

    `connection` is librdkafka's configuration of the connection alone. `name`, where not empty,
    stays the reader's over restarts (static membership): within `session_seconds` it gets back the
    partitions it had, and nothing moves. `most_bytes` bounds what is fetched of a partition ahead.
    One that lives and does not poll for `silent_seconds` loses its partitions: until then a group
    that is to share them anew waits for it.
    """

    connection: Mapping[str, str | float | bool]
    group: str
    topics: Sequence[str]
    prefix: str = ""
    name: str = ""
    session_seconds: float = 30.0
    silent_seconds: float = 60.0
    most_bytes: int = 4 * 1024 * 1024


def reader_options(settings: ReaderSettings) -> Mapping[str, str | float | bool]:
    """The configuration of a reader's client, in librdkafka's words."""
    return {**_OPTIONS, **settings.connection, **_own(settings)}


_OPTIONS: Final[Mapping[str, str | float | bool]] = MappingProxyType(
    {
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        # All are shared out anew at once. Cooperatively, those that move are nobody's between two
        # rounds; a reader with a name that dies then has its part of the first round given back
        # when it comes again, and there is no second: nobody ever reads what was to move.
        "partition.assignment.strategy": "roundrobin",
        "reconnect.backoff.max.ms": 5_000,
        "allow.auto.create.topics": False,
        "topic.metadata.refresh.interval.ms": 10_000,
    }
)


def _own(settings: ReaderSettings) -> Mapping[str, str | float | bool]:
    session = round(settings.session_seconds * 1000)
    own: dict[str, str | float | bool] = {
        "group.id": settings.prefix + settings.group,
        "session.timeout.ms": session,
        "heartbeat.interval.ms": max(100, session // 10),
        "max.poll.interval.ms": max(session, round(settings.silent_seconds * 1000)),
        "max.partition.fetch.bytes": settings.most_bytes,
        "queued.max.messages.kbytes": max(1024, 4 * settings.most_bytes // 1024),
    }
    if settings.name:
        own["group.instance.id"] = settings.name
    return own
