"""Why a client does not reach its brokers: what it says aside, while its calls only time out."""

import re
from dataclasses import dataclass, field
from threading import Event
from typing import Final, final

from confluent_kafka import KafkaError

HUNG_UP: Final = "the brokers hang up: they may want other kafka.security than is set"
"""Where nothing else is said: so ends who speaks in the clear to TLS, or the other way round."""

GONE: Final = "the brokers hung up"

_UNTRUSTED: Final = "certificate verify failed"

_VERIFY: Final = "verify that kafka.ca_file is correctly configured"
"""The library's own advice, which it does not always give."""

_TIMES: Final = re.compile(r" \(after \d+ms in state \w+.*\)$")


@final
@dataclass(slots=True, eq=False)
class ConnectionTrouble:
    """Hears a client's errors (`error_cb`), in whatever thread asks that client something.

    `words` are of the last one, empty where all is well; `down` is set while no broker is reached.
    """

    words: str = ""
    down: Event = field(default_factory=Event)
    reached: bool = False

    def __call__(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - librdkafka's name of it
            self.words = self.words or (GONE if self.reached else HUNG_UP)
            self.down.set()
        else:
            # The operator's name of the setting, not the library's.
            said = error.str().replace("ssl.ca.location", "kafka.ca_file")
            words = _TIMES.sub("", said).rstrip()
            advise = _UNTRUSTED in words and _VERIFY not in words
            self.words = f"{words}: {_VERIFY}" if advise else words

    def is_over(self) -> None:
        """A broker answered."""
        if self.words or not self.reached:
            self.words, self.reached = "", True
            self.down.clear()

    def of(self, what: str) -> str:
        """What failed, and why no broker is reached where that is known."""
        return f"{what}; {self.words}" if self.words else what
