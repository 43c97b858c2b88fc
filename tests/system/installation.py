"""One installation of the service in a folder: its settings, secrets, keys and tenants."""

import asyncio
import json
import os
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from typing import Final

from adapters.postgres.database import DatabaseSettings
from adapters.postgres.embedded import embedded_server
from adapters.signing.ed25519 import new_private_key
from entrypoints.assembly.offline import capsule_files, new_key_pair, sign_capsules
from entrypoints.assembly.secrets import AUTHOR_KEY, SecretKeeper
from entrypoints.cli.operator_access import operator_secret
from entrypoints.settings.settings import Settings
from entrypoints.settings.sources import load
from somagent.capsule.v1 import capsule_pb2
from somagent.tenancy.v1 import tenancy_pb2
from tests.plugins.keeper import ends_postgres
from tests.system.client import Client, connect, request_id
from tests.system.ports import free_ports

CAPSULE: Final = """
apiVersion: somagent.dev/v3
name: {name}
version: {version}
persona:
  instructions: You answer.
  knobs: {{intelligence_level: {intelligence}, autonomy_level: {autonomy}, resource_budget: 0.50}}
tools: {{allow: [{tools}]}}
models: {{allow: [{models}]}}
policy: {{on_interruption: {on_interruption}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What all servers of one installation are started with.

    `author_key` is a private key whose capsules the installation trusts; empty where the servers
    make one of their own.
    """

    folder: Path
    environment: Mapping[str, str]
    author_key: str = ""

    @property
    def settings(self) -> Settings:
        return load(self.environment, places=()).settings

    def with_settings(self, **settings: object) -> "Installation":
        """The same with other settings: `turns__lease_seconds=3`."""
        given = {f"SOMAGENT_{name.upper()}": _written(value) for name, value in settings.items()}
        return replace(self, environment={**self.environment, **given})

    def beside(self) -> "Installation":
        """The same for one more server, on ports of its own."""
        return replace(self, environment={**self.environment, **_ports()})

    async def operator(self, address: str) -> Client:
        """The operator's client: whoever has the machine has the key."""
        return connect(address, "platform", await operator_secret(self.settings))

    async def author(self) -> str:
        return self.author_key or await SecretKeeper(self.settings).need(AUTHOR_KEY)


def _ports() -> Mapping[str, str]:
    """Addresses that are nobody's, for a server, a relay and a consumer."""
    names = ("ADDRESS", "HTTP_ADDRESS")
    variables = [
        *(f"SOMAGENT_SERVER__{name}" for name in names),
        "SOMAGENT_RELAY__HTTP_ADDRESS",
        "SOMAGENT_KAFKA__CONSUMERS__HTTP_ADDRESS",
    ]
    ports = free_ports(len(variables))
    return {name: f"127.0.0.1:{port}" for name, port in zip(variables, ports, strict=True)}


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A provider with one model of the same name, at an upstream."""

    name: str
    base_url: str
    priority: int = 0
    first_byte_seconds: float = 60.0
    between_chunks_seconds: float = 60.0
    logprobs: bool = False
    api_key: str | None = None

    def settings(self) -> Mapping[str, object]:
        return {
            "api_key": self.api_key,
            "name": self.name,
            "base_url": self.base_url,
            "connect_seconds": 60.0,
            "first_byte_seconds": self.first_byte_seconds,
            "between_chunks_seconds": self.between_chunks_seconds,
            "models": [
                {
                    "name": self.name,
                    "model": "scripted",
                    "context_window_tokens": 8192,
                    "priority": self.priority,
                    "logprobs": self.logprobs,
                }
            ],
        }


def environment(folder: Path, models: Sequence[Model]) -> Mapping[str, str]:
    """What holds for every installation of a test, whatever database it has."""
    return {
        **_ports(),
        "SOMAGENT_MODE": "test",
        # A database that is there is waited for, however slow it is.
        "SOMAGENT_DATABASE__CONNECT_SECONDS": "60",
        "SOMAGENT_DATABASE__WAIT_SECONDS": "60",
        "SOMAGENT_SECRETS__STORE_FOLDER": str(folder / "secrets"),
        "SOMAGENT_SECRETS__MOUNTED_FOLDER": str(folder / "mounted"),
        "SOMAGENT_LOCAL_MODEL__ENABLED": "false",
        "SOMAGENT_LOCAL_MODEL__DISCOVER": "false",
        "SOMAGENT_PROVIDERS": json.dumps([model.settings() for model in models]),
    }


@contextmanager
def embedded_installation(models: Sequence[Model]) -> Generator[Installation]:
    """An installation that carries its own PostgreSQL; what is left of that is stopped at the end.

    Its folder is not below the run's own temporary one: for root, PostgreSQL runs as a user who may
    not go there.
    """
    folder = Path(tempfile.mkdtemp(prefix="somagent-system-"))
    folder.chmod(0o755)
    try:
        data = folder / "postgres"
        ends_postgres(data)
        yield Installation(
            folder=folder,
            environment={
                **environment(folder, models),
                "SOMAGENT_DATABASE__DATA_FOLDER": str(data),
            },
        )
        if (data / "data" / "postmaster.pid").exists():
            asyncio.run(_stop(data))
    finally:
        rmtree(folder, ignore_errors=True)


async def _stop(data: Path) -> None:
    async with embedded_server(data):
        """The last to leave stops the server."""


async def installation_at(
    folder: Path, database: DatabaseSettings, models: Sequence[Model]
) -> Installation:
    """An installation on a database that is run elsewhere."""
    author, trusted = new_key_pair(), folder / "trusted"
    trusted.mkdir(parents=True)
    (trusted / "author.pub").write_text(author.public)
    made = Installation(
        folder=folder,
        environment={
            **environment(folder, models),
            "SOMAGENT_PROFILE": "standard",
            "SOMAGENT_DATABASE__REQUEST__URL": database.request_url,
            "SOMAGENT_DATABASE__WRITER__URL": database.writer_url,
            "SOMAGENT_CAPSULES__TRUSTED_KEYS_FOLDER": str(trusted),
        },
        author_key=author.private,
    )
    keeper, settings = SecretKeeper(made.settings), made.settings
    for reference in (settings.receipts.signing_key, settings.secrets.paging_key):
        await keeper.put(reference, new_private_key())
    return made


async def new_tenant(
    operator: Client, slug: str, plan: "tenancy_pb2.Plan.ValueType" = tenancy_pb2.PLAN_TEAM
) -> Client:
    """A tenant, and a client with a key of its administrator."""
    await operator.ask(
        tenancy_pb2.CreateTenantRequest(
            tenant_id=slug,
            tenant=tenancy_pb2.Tenant(display_name=slug, plan=plan),
            request_id=request_id(),
        ),
        tenancy_pb2.CreateTenantResponse,
    )
    return await new_key(replace(operator, tenant=slug), "administrator")


async def new_key(client: Client, *roles: str, subject: str = "ada") -> Client:
    """The same client with a new key of these roles."""
    made = await client.ask(
        tenancy_pb2.CreateApiKeyRequest(
            parent=client.parent,
            api_key=tenancy_pb2.ApiKey(display_name="test", roles=roles, subject=subject),
            request_id=request_id(),
        ),
        tenancy_pb2.CreateApiKeyResponse,
    )
    return replace(client, key=made.secret)


async def signed(author_key: str, manifest: str) -> str:
    """A manifest with its signature, as JSON."""
    return json.dumps(await sign_capsules(author_key)(await capsule_files().read(manifest)))


async def new_capsule(  # noqa: PLR0913 - each keyword is one thing that a test may want otherwise
    client: Client,
    author_key: str,
    name: str,
    *,
    models: Sequence[str] = ("main",),
    tools: Sequence[str] = (),
    autonomy: int = 7,
    intelligence: int = 3,
    version: str = "1.0.0",
    on_interruption: str = "fail",
    confident: bool = False,
) -> str:
    """A capsule that is active; gives its name. One that is `confident` asks how likely it is."""
    written = CAPSULE.format(
        name=name,
        version=version,
        autonomy=autonomy,
        intelligence=intelligence,
        tools=", ".join(tools),
        models=", ".join(models),
        on_interruption=on_interruption,
    )
    if confident:
        written += "confidence: {threshold: 0.5}\n"
    created = await client.ask(
        capsule_pb2.CreateCapsuleRequest(
            parent=client.parent,
            manifest=await signed(author_key, written),
            request_id=request_id(),
        ),
        capsule_pb2.CreateCapsuleResponse,
    )
    await client.ask(
        capsule_pb2.ActivateCapsuleRequest(name=created.capsule.name, request_id=request_id()),
        capsule_pb2.ActivateCapsuleResponse,
    )
    return name


def process_environment(installation: Installation) -> dict[str, str]:
    """For a program of the installation: nothing of this process' own settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("SOMAGENT_")}
    return {**own, "XDG_CONFIG_HOME": str(installation.folder), **installation.environment}
