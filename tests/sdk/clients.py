"""Clients whose attempts follow each other quickly."""

from dataclasses import replace
from typing import Final

from somagent_client import RetryPolicy, SomaAgent, Transport
from somagent_client.client import POLICY
from tests.unit.entrypoints.cli.service import SESSION, Service

QUICK: Final[RetryPolicy] = replace(POLICY, first_seconds=0.001, most_seconds=0.01)
QUICK_TRANSPORT: Final = Transport(connect_seconds=1.0)


def client_of(*services: Service, policy: RetryPolicy = QUICK) -> SomaAgent:
    """A client of scripted services, the first one preferred."""
    addresses = ",".join(service.address for service in services)
    return SomaAgent(addresses, tenant="demo", key="sk_test", policy=policy)


__all__ = ["QUICK", "QUICK_TRANSPORT", "SESSION", "client_of"]
