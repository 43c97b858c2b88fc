"""What is tried again, when, and for how long: the policy of service_config.json."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from random import SystemRandom
from typing import Final, TypedDict

import grpc

SERVICE_CONFIG: Final = (
    files("somagent_client").joinpath("service_config.json").read_text(encoding="utf-8")
)
"""For clients that let gRPC retry. This one retries by itself, over all its servers."""


class _Policy(TypedDict):
    initialBackoff: str
    maxBackoff: str
    backoffMultiplier: float
    retryableStatusCodes: list[str]


class _Method(TypedDict):
    retryPolicy: _Policy


class _Config(TypedDict):
    methodConfig: list[_Method]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Exponential backoff with jitter, for these codes alone."""

    first_seconds: float
    most_seconds: float
    multiplier: float
    codes: frozenset[grpc.StatusCode]
    jitter: Callable[[float, float], float] = SystemRandom().uniform

    def seconds(self, attempts: int) -> float:
        """How long to wait after so many vain attempts: from half of the backoff to all of it."""
        growing = self.first_seconds * self.multiplier ** min(attempts - 1, 32)
        longest = min(self.most_seconds, growing)
        return self.jitter(longest / 2, longest)


def policy_of(service_config: str) -> RetryPolicy:
    """The retry policy that a service config has for all methods."""
    config: _Config = json.loads(service_config)
    policy = config["methodConfig"][0]["retryPolicy"]
    return RetryPolicy(
        first_seconds=float(policy["initialBackoff"].removesuffix("s")),
        most_seconds=float(policy["maxBackoff"].removesuffix("s")),
        multiplier=policy["backoffMultiplier"],
        codes=frozenset(grpc.StatusCode[name] for name in policy["retryableStatusCodes"]),
    )
