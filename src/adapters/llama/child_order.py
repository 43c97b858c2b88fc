"""What the parent tells the child that runs llama.cpp, and what the child tells it."""

from typing import Final

from msgspec import Struct
from msgspec.json import Decoder

READY: Final = b"ready\n"
"""What the child writes when its socket answers; before that it writes nothing."""


class ChildOrder(Struct, frozen=True, kw_only=True):
    """Sent as one line of JSON through the child's standard input, so that no key is in `ps`.

    That input then stays open for as long as the parent lives.
    """

    weights: str
    model: str
    socket: str
    key: str
    window: int
    slots: int
    threads: int
    cache_mib: int


ORDERS: Final = Decoder(ChildOrder)
