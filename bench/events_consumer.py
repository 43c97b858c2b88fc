"""A reader of the events bench: one effect for each event, however often it is killed.

python -m bench.events_consumer BOOTSTRAP PREFIX DATABASE

What it has done and how far it has come are one transaction: what comes again has no effect by its
number, as the contract of events says. It is written down apart, for `bench.events_verdict`.
"""

import hashlib
import sys
from collections.abc import Sequence
from typing import Final

import psycopg
from confluent_kafka import Consumer

from somagent.events.v1 import events_pb2 as pb

TOPICS: Final = ("conversation.outbound", "usage.events")
GROUP: Final = "bench"
MOST: Final = 1000

TABLES: Final = (
    b"create table bench_read (key text primary key, sequence bigint not null)",
    b"""
    create table bench_effects (place bigint generated always as identity, key text not null,
                                sequence bigint not null,
                                at timestamptz not null default clock_timestamp())
    """,
    b"""
    create table bench_deliveries (place bigint generated always as identity, key text not null,
                                   sequence bigint not null, id uuid not null, type text not null,
                                   tenant text not null, digest bytea not null)
    """,
)


def take(database: "psycopg.Connection[tuple[str, int]]", values: Sequence[bytes]) -> None:
    """Have the effects of what was not read before, and note what came."""
    envelopes = [pb.Envelope.FromString(value) for value in values]
    keys = sorted({envelope.key for envelope in envelopes})
    with database.transaction(), database.cursor() as cursor:
        # Who was thought dead may still be at it: a key is read by one at a time.
        cursor.execute(
            b"insert into bench_read select unnest(%s::text[]), 0 on conflict do nothing", (keys,)
        )
        cursor.execute(
            b"select key, sequence from bench_read where key = any(%s) order by key for update",
            (keys,),
        )
        last = dict(cursor.fetchall())
        with cursor.copy(b"copy bench_effects (key, sequence) from stdin") as effects:
            for envelope in envelopes:
                if envelope.sequence > last[envelope.key]:
                    last[envelope.key] = envelope.sequence
                    effects.write_row((envelope.key, envelope.sequence))
        with cursor.copy(
            b"copy bench_deliveries (key, sequence, id, type, tenant, digest) from stdin"
        ) as deliveries:
            for one in envelopes:
                digest = hashlib.sha256(one.payload.value).digest()
                deliveries.write_row((one.key, one.sequence, one.id, one.type, one.tenant, digest))
        cursor.execute(
            b"update bench_read r set sequence = k.sequence "
            b"from unnest(%s::text[], %s::bigint[]) k(key, sequence) where r.key = k.key",
            (list(last), list(last.values())),
        )


def main() -> None:
    """Read until killed."""
    servers, prefix, url = sys.argv[1:]
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": GROUP,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000,
            "fetch.wait.max.ms": 20,
            "log_level": 2,
        }
    )
    consumer.subscribe([prefix + topic for topic in TOPICS])
    with psycopg.connect(url) as database:
        while True:
            polled = consumer.consume(MOST, timeout=0.05)
            found = [one.value() or b"" for one in polled if one.error() is None]
            if found:
                take(database, found)
                consumer.commit(asynchronous=True)


if __name__ == "__main__":
    main()
