"""What is asked of the process that forks servers: a line of JSON, answered with a number."""

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict


class Birth(TypedDict):
    """What a server is started with."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    log: str


class Asked(TypedDict):
    """A server to start, answered with its process; or one that ended, with its exit code."""

    birth: NotRequired[Birth]
    ended: NotRequired[int]
