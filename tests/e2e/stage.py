"""A whole server process on a real port, a database of the run, and an upstream that is told."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from uuid import uuid1

import grpc
import orjson

from adapters.postgres.database import DatabaseSettings
from application.tools.ports import Outcome
from domain.delivery.dead_letter import Content
from domain.kernel.identifiers import DeadLetterId, InvocationId
from domain.tools.invocation import InvocationState
from entrypoints.assembly.offline import canonical_json, capsule_files, sign_capsules
from entrypoints.assembly.platform import Platform
from entrypoints.assembly.secrets import AUTHOR_KEY, SecretKeeper
from entrypoints.operator import new_operator_key
from entrypoints.process import ServerProcess, open_process
from entrypoints.settings.settings import Settings
from entrypoints.settings.sources import load
from somagent.capsule.v1 import capsule_pb2, capsule_pb2_grpc
from somagent.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from tests.builders import dead_letter, invocation

CAPSULE: Final = """
apiVersion: somagent.dev/v3
name: helpful
version: {version}
display_name: Helpful
persona:
  instructions: You answer in one sentence.
  knobs: {{intelligence_level: 3, autonomy_level: {autonomy}, resource_budget: 0.50}}
tools:
  allow: [arithmetic, current_time, note_write]
models:
  allow: ["*"]
"""


def fresh_id() -> str:
    """A request id that no other test uses."""
    return str(uuid1())


def fresh_slug() -> str:
    """A tenant's slug that no other test uses."""
    return f"t{uuid1().hex[:20]}"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a caller shows."""

    key: str

    @property
    def pairs(self) -> Sequence[tuple[str, str]]:
        return (("authorization", f"Bearer {self.key}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A server that serves, and the platform's operator."""

    settings: Settings
    process: ServerProcess
    channel: grpc.aio.Channel
    operator: Metadata

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.process.http_port}"

    async def tenant(self, *roles: str) -> tuple[str, Metadata]:
        """A new tenant of plan team, and a key of it; with all roles of a tenant by default."""
        slug = fresh_slug()
        stub = tenancy_pb2_grpc.TenancyServiceStub(self.channel)
        await stub.CreateTenant(
            tenancy_pb2.CreateTenantRequest(
                tenant_id=slug,
                tenant=tenancy_pb2.Tenant(display_name=slug, plan=tenancy_pb2.PLAN_TEAM),
                request_id=fresh_id(),
            ),
            metadata=self.operator.pairs,
        )
        return slug, await self.key(slug, *(roles or ("administrator",)))

    async def key(self, slug: str, *roles: str, subject: str = "ada") -> Metadata:
        """A new key of a tenant."""
        stub = tenancy_pb2_grpc.TenancyServiceStub(self.channel)
        created = await stub.CreateApiKey(
            tenancy_pb2.CreateApiKeyRequest(
                parent=f"tenants/{slug}",
                api_key=tenancy_pb2.ApiKey(
                    display_name="a key", roles=list(roles), subject=subject
                ),
                request_id=fresh_id(),
            ),
            metadata=self.operator.pairs,
        )
        return Metadata(created.secret)

    async def unknown_call(self, slug: str, arguments: str = "{}") -> str:
        """A call of a tenant of which nobody knows whether it took effect; gives its name."""
        stores = self.process.application.stores()
        tenant = await stores.credentials.tenant(slug)
        if tenant is None:
            raise AssertionError(slug)
        call = replace(
            invocation(
                invocation_id=InvocationId(self.process.application.system().identifiers.next()),
                tenant_id=tenant.id,
                turn_id=None,
                arguments=arguments,
            ),
            tenant=slug,
        )
        begun = await stores.effects.begin(call, fresh_id(), b"content")
        lost = Outcome(
            tenant_id=tenant.id, invocation_id=begun.id, fence=0, state=InvocationState.UNKNOWN
        )
        await stores.effects.finish(lost)
        return f"tenants/{slug}/invocations/{begun.id}"

    async def dead_letter(self, slug: str, payload: bytes = b"{}", origin: str = "") -> str:
        """A message of a tenant that a consumer gave up; gives the letter's name."""
        tenant = await self.process.application.stores().credentials.tenant(slug)
        if tenant is None:
            raise AssertionError(slug)
        letter = replace(
            dead_letter(DeadLetterId(uuid1()), owner=tenant, origin=origin or fresh_id()),
            payload_bytes=len(payload),
        )
        content = Content(headers=(("type", b"x"),), payload=payload)
        await self.process.application.stores().dead_letters.put(letter, content)
        return f"tenants/{slug}/deadLetters/{letter.id}"

    async def signed(self, *, version: str = "1.0.0", autonomy: int = 7) -> str:
        """A manifest, signed by the author whom the server trusts."""
        written = await capsule_files().read(CAPSULE.format(version=version, autonomy=autonomy))
        author = await SecretKeeper(self.settings).need(AUTHOR_KEY)
        return canonical_json().encode(await sign_capsules(author)(written)).decode()

    async def capsule(self, slug: str, caller: Metadata, *, autonomy: int = 7) -> str:
        """An active capsule of a tenant; gives its name."""
        stub = capsule_pb2_grpc.CapsuleServiceStub(self.channel)
        created = await stub.CreateCapsule(
            capsule_pb2.CreateCapsuleRequest(
                parent=f"tenants/{slug}",
                manifest=await self.signed(autonomy=autonomy),
                request_id=fresh_id(),
            ),
            metadata=caller.pairs,
        )
        await stub.ActivateCapsule(
            capsule_pb2.ActivateCapsuleRequest(name=created.capsule.name, request_id=fresh_id()),
            metadata=caller.pairs,
        )
        return f"tenants/{slug}/capsules/helpful"


def settings_for(folder: Path, upstream: str, **others: str) -> Settings:
    """Settings of a test's server: nothing of the user's, free ports, one scripted provider."""
    provider = {
        "name": "scripted",
        "base_url": upstream,
        "models": [
            {
                "name": "scripted-large",
                "model": "scripted",
                "context_window_tokens": 8192,
                "model_tier": "budget",
                "cost_tier": "budget",
            }
        ],
    }
    environment = {
        "SOMAGENT_MODE": "test",
        "SOMAGENT_SERVER__ADDRESS": "127.0.0.1:0",
        "SOMAGENT_SERVER__HTTP_ADDRESS": "127.0.0.1:0",
        "SOMAGENT_SECRETS__STORE_FOLDER": str(folder / "secrets"),
        "SOMAGENT_SECRETS__MOUNTED_FOLDER": str(folder / "mounted"),
        "SOMAGENT_PROVIDERS": orjson.dumps([provider]).decode(),
    }
    return load({**environment, **others}, None, ()).settings


@asynccontextmanager
async def staged(settings: Settings, database: DatabaseSettings) -> AsyncGenerator[Stage]:
    """A server process that serves until the context is left; it drains then."""
    patient = replace(database, connect_seconds=60, wait_seconds=60)
    platform = Platform(database=patient, local_model=None)
    async with open_process(settings, platform) as process:
        await process.api.start()
        application = process.application
        key = await new_operator_key(application.stores(), application.system())
        address = f"127.0.0.1:{process.api.port}"
        async with grpc.aio.insecure_channel(address) as channel:
            yield Stage(settings=settings, process=process, channel=channel, operator=Metadata(key))
