"""Clients whose attempts follow each other quickly."""

from dataclasses import replace
from typing import Final

from somagent_client import RetryPolicy, SomaAgent
from somagent_client.client import POLICY
from tests.unit.entrypoints.cli.service import Service

QUICK: Final[RetryPolicy] = replace(POLICY, first_seconds=0.001, most_seconds=0.01)

TWICE: Final[RetryPolicy] = replace(POLICY, first_seconds=0.001, multiplier=1e9, most_seconds=1e6)
"""Two attempts follow each other quickly; for a third there is never time."""


def client_of(*services: Service, policy: RetryPolicy = QUICK) -> SomaAgent:
    """A client of scripted services, the first one preferred."""
    addresses = ",".join(service.address for service in services)
    return SomaAgent(addresses, tenant="demo", key="sk_test", policy=policy)
