"""Outgoing events as rows of the outbox."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import sqlalchemy as sa

from adapters.postgres.packing import Value, blobs, int8s, microseconds, texts, uuids
from domain.kernel.events import DomainEvent

if TYPE_CHECKING:  # see `SqlPool`
    from sqlalchemy.ext.asyncio import AsyncConnection

EventEncoder: TypeAlias = Callable[[DomainEvent], tuple[str, bytes]]
"""The name of an event's type on the wire, and its payload."""

EVENT = (uuids, uuids, texts, texts, int8s, blobs)
"""The columns of `Outgoing.row`: id, key, type, traceparent, time, payload."""

FACTS: Final = b"""
    %(events)s::uuid[], %(keys)s::uuid[], %(types)s::text[], %(traces)s::text[],
    %(times)s::bigint[], %(payloads)s::bytea[])
"""
"""The last parameters of a function that publishes facts, as `Outgoing.named` gives them."""

_ANNOUNCE: Final = sa.text(
    "select announce(cast(:tenants as uuid[]), cast(:events as uuid[]), cast(:keys as uuid[]), "
    "cast(:types as text[]), cast(:traces as text[]), cast(:times as bigint[]), "
    "cast(:payloads as bytea[]))"
)


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

    async def announce(self, connection: "AsyncConnection", events: Sequence[DomainEvent]) -> None:
        """Publish facts whose keys are no sessions, with what else the transaction does.

        Nothing may be locked afterwards: the keys stay locked until it ends, so that their numbers
        are in the order of commits.
        """
        if events:
            tenants = [event.tenant_id for event in events]
            await connection.execute(_ANNOUNCE, self.named(events) | {"tenants": tenants})

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
