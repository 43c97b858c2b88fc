"""A reader of the events bench: one effect for each event, however often it is killed.

python -m bench.events_consumer BOOTSTRAP PREFIX DATABASE

What it has done and how far it has come are one transaction: what comes again is dropped by its
number, as the contract of events says.
"""

import sys
from collections.abc import Sequence
from typing import Final

import psycopg
from confluent_kafka import Consumer, Message

from somagent.events.v1 import events_pb2 as pb

TOPIC: Final = "conversation.outbound"
GROUP: Final = "bench"
MOST: Final = 1000

TABLES: Final = (
    b"create table bench_read (key text primary key, sequence bigint not null)",
    b"""
    create table bench_effects (place bigint generated always as identity, key text not null,
                                sequence bigint not null,
                                at timestamptz not null default clock_timestamp())
    """,
)


def take(database: "psycopg.Connection[tuple[str, int]]", messages: Sequence[Message]) -> None:
    """Have the effects of what was not read before."""
    envelopes = [pb.Envelope.FromString(message.value() or b"") for message in messages]
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
    consumer.subscribe([prefix + TOPIC])
    with psycopg.connect(url) as database:
        while True:
            found = [one for one in consumer.consume(MOST, timeout=0.05) if one.error() is None]
            if found:
                take(database, found)
                consumer.commit(asynchronous=True)


if __name__ == "__main__":
    main()
