"""A reader with a name that dies when its group wants to share anew: SERVERS PREFIX TOPIC NAME.

Run as a program. It says how many partitions it was given, and reads nothing.
"""

import os
import signal
import sys
from collections.abc import Sequence

from confluent_kafka import Consumer, TopicPartition

from adapters.kafka.reader_settings import ReaderSettings, reader_options


def given(consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
    del consumer
    sys.stdout.write(f"{len(partitions)}\n")
    sys.stdout.flush()


def die(consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
    del consumer, partitions
    os.kill(os.getpid(), signal.SIGKILL)


def main(servers: str, prefix: str, topic: str, name: str) -> None:
    settings = ReaderSettings(
        connection={"bootstrap.servers": servers},
        group="turns",
        topics=(topic,),
        prefix=prefix,
        name=name,
        session_seconds=60.0,
    )
    consumer = Consumer(dict(reader_options(settings)))
    consumer.subscribe([prefix + topic], on_assign=given, on_revoke=die)
    while True:
        consumer.poll(1.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
