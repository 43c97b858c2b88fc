"""The platform's first operator: whoever has the machine, or the database, has its key."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from application.tenancy.create_api_key import CreateApiKeyCommand
from application.tenancy.create_tenant import EstablishPlatform
from domain.authorization.role import Role
from domain.kernel.identifiers import RequestId, ServerId
from domain.kernel.principal import Principal
from domain.tenancy.api_key import key_id_of
from domain.tenancy.tenant import PLATFORM_SLUG, PLATFORM_TENANT_ID
from entrypoints.assembly.platform import Report, open_schema
from entrypoints.assembly.secrets import OPERATOR_KEY, SecretKeeper
from entrypoints.assembly.stores import Stores, open_stores, store_terms
from entrypoints.assembly.system import System, this_system
from entrypoints.assembly.use_cases import tenancy_use_cases
from entrypoints.settings.settings import Settings

SUBJECT: Final = "operator"
_LEASE_SECONDS: Final = 30.0


async def operator_key(stores: Stores, system: System, secrets: SecretKeeper) -> str:
    """The operator's API key of this machine: the kept one while it is good, else a new one.

    Raises:
        StartError: The secret store cannot be used.
    """
    kept = await secrets.get(OPERATOR_KEY)
    if kept is not None and await _is_good(stores, kept):
        return kept
    made = await new_operator_key(stores, system)
    await secrets.put(OPERATOR_KEY, made)
    return made


async def new_operator_key(stores: Stores, system: System) -> str:
    """Make a key of the platform's operator; it is kept nowhere."""
    await EstablishPlatform(tenants=stores.tenants, clock=system.clock)()
    made = await tenancy_use_cases(stores, system).create_key(
        CreateApiKeyCommand(
            principal=Principal(
                tenant_id=PLATFORM_TENANT_ID,
                tenant=PLATFORM_SLUG,
                subject=SUBJECT,
                roles=frozenset({Role.OPERATOR}),
            ),
            tenant_id=PLATFORM_TENANT_ID,
            tenant=PLATFORM_SLUG,
            display_name="The operator of this machine",
            roles=frozenset({Role.OPERATOR}),
            scopes=frozenset(),
            request_id=RequestId(str(system.identifiers.next())),
            subject=SUBJECT,
        )
    )
    return made.secret


@asynccontextmanager
async def operators_stores(settings: Settings, report: Report) -> AsyncGenerator[Stores]:
    """The database by itself, for what an operator does without a server.

    Raises:
        StartError: It cannot be reached.
    """
    system = this_system()
    async with (
        open_schema(settings, report) as database,
        open_stores(
            database,
            ServerId(system.identifiers.next()),
            _LEASE_SECONDS,
            lambda: "",
            {},
            store_terms(settings),
        ) as stores,
    ):
        yield stores


async def _is_good(stores: Stores, key: str) -> bool:
    key_id = key_id_of(key)
    holder = await stores.credentials.holder(key_id) if key_id is not None else None
    return holder is not None and holder.key.revoked_at is None
