"""Outgoing events as rows of the outbox."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.packing import Value, blobs, int8s, microseconds, texts, uuids
from domain.kernel.events import DomainEvent

EventEncoder: TypeAlias = Callable[[DomainEvent], tuple[str, bytes]]
"""The name of an event's type on the wire, and its payload."""

EVENT = (uuids, uuids, texts, texts, int8s, blobs)
"""The columns of `Outgoing.row`: id, key, type, traceparent, time, payload."""

FACTS: Final = b"""
    %(events)s::uuid[], %(keys)s::uuid[], %(types)s::text[], %(traces)s::text[],
    %(times)s::bigint[], %(payloads)s::bytea[])
"""
"""The last parameters of a function that publishes facts, as `Outgoing.named` gives them."""


def no_trace() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Encodes events. `traceparent` tells the W3C header of the trace that is being worked in."""

    encode: EventEncoder
    traceparent: Callable[[], str] = no_trace

    def named(self, events: Sequence[DomainEvent]) -> dict[str, object]:
        """Columns of events as the parameters of `FACTS`."""
        encoded = [self.encode(event) for event in events]
        return {
            "events": [event.id for event in events],
            "keys": [event.key for event in events],
            "types": [kind for kind, _ in encoded],
            "traces": [self.traceparent()] * len(encoded),
            "times": [microseconds(event.occurred_at) for event in events],
            "payloads": [payload for _, payload in encoded],
        }

    def row(self, event: DomainEvent) -> Sequence[Value]:
        kind, payload = self.encode(event)
        return (
            event.id.bytes,
            event.key.bytes,
            kind.encode(),
            self.traceparent().encode(),
            microseconds(event.occurred_at),
            payload,
        )


async def announce(connection: AsyncConnection, outgoing: Outgoing, event: DomainEvent) -> None:
    """Publish a fact with a request's transaction; its key is no session's.

    Nothing may be locked afterwards: the key's counter stays locked until the end.
    """
    kind, payload = outgoing.encode(event)
    await connection.execute(
        _ANNOUNCE,
        {
            "tenant": event.tenant_id,
            "event": event.id,
            "key": event.key,
            "type": kind,
            "trace": outgoing.traceparent(),
            "time": microseconds(event.occurred_at),
            "payload": payload,
        },
    )


_ANNOUNCE: Final = sa.text(
    "select announce(array[cast(:tenant as uuid)], array[cast(:event as uuid)],"
    " array[cast(:key as uuid)], array[:type], array[:trace], array[cast(:time as bigint)],"
    " array[cast(:payload as bytea)])"
)
