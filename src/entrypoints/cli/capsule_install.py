"""Brings a capsule into a tenant over the API, and withdraws one of its versions."""

from dataclasses import dataclass

from entrypoints.assembly.offline import identifiers
from entrypoints.cli.client import Client, Target, open_client
from somagent.capsule.v1.capsule_pb2 import (
    ActivateCapsuleRequest,
    Capsule,
    CreateCapsuleRequest,
    RevokeCapsuleRequest,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A signed manifest as text, and how far to go with it in `tenants/{tenant}`."""

    tenant: str
    manifest: str
    activate: bool = True
    dry_run: bool = False


async def install(target: Target, order: Installation) -> Capsule:
    """Raises: CommandFailedError: The server refused, or cannot be reached."""
    async with open_client(target, identifiers()) as client:
        return await install_with(client, order)


async def install_with(client: Client, order: Installation) -> Capsule:
    """The version as it is afterwards; one that is there with this content is taken as it is.

    Raises:
        CommandFailedError: The server refused, or cannot be reached.
    """
    creation = CreateCapsuleRequest(
        parent=order.tenant,
        manifest=order.manifest,
        request_id=client.request_id(),
        validate_only=order.dry_run,
    )
    capsule = (await client.ask(client.capsules.CreateCapsule, creation)).capsule
    if order.dry_run or not order.activate:
        return capsule
    activation = ActivateCapsuleRequest(name=capsule.name, request_id=client.request_id())
    return (await client.ask(client.capsules.ActivateCapsule, activation)).capsule


async def withdraw(target: Target, version: str) -> Capsule:
    """`tenants/{tenant}/capsules/{capsule}/versions/{version}` as it is afterwards.

    Raises:
        CommandFailedError: The server refused, or cannot be reached.
    """
    async with open_client(target, identifiers()) as client:
        request = RevokeCapsuleRequest(name=version, request_id=client.request_id())
        return (await client.ask(client.capsules.RevokeCapsule, request)).capsule
