"""The tenants of a run, and the clients that all of them have at every server."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import psycopg

from domain.tenancy.tenant import PLATFORM_TENANT_ID
from somagent.tenancy.v1 import tenancy_pb2
from tests.crash.acting.actor import ASKING, CAPSULE, CAUTIOUS
from tests.crash.evidence import Evidence, Witness
from tests.crash.script import NOTE
from tests.crash.tool_server import FIRE, POST, STAMP
from tests.system.client import Client, connect, request_id
from tests.system.installation import Installation, new_capsule, new_key, new_tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Founding:
    """Where the servers are, and whose database they have."""

    installation: Installation
    addresses: Sequence[str]
    owner_url: str

    async def introduce(self, evidence: Evidence, slugs: Sequence[str]) -> None:
        """Found the tenants and an idle one besides.

        The first one has its broken answers continued, the last one is to be near its limits.
        """
        operators = [await self.installation.operator(address) for address in self.addresses]
        # Servers of a laboratory do not wait for their database for long.
        founder = replace(operators[0], patient=True)
        evidence.secrets.add(operators[0].key)
        evidence.platform = Witness(
            slug="platform", tenant_id=PLATFORM_TENANT_ID, clients=tuple(operators)
        )
        evidence.idle = await self._idle(founder, f"{slugs[0]}-idle")
        for slug in slugs:
            client = await new_tenant(founder, slug, tenancy_pb2.PLAN_ENTERPRISE)
            await self._furnish(client, "continue" if slug == slugs[0] else "fail")
            user = await new_key(client, "administrator", subject=f"user-{slug}")
            evidence.secrets |= {client.key, user.key}
            evidence.tenants.append(
                Witness(
                    slug=slug,
                    tenant_id=self._tenant_id(slug),
                    clients=tuple(connect(address, slug, user.key) for address in self.addresses),
                    limited=slug == slugs[-1],
                )
            )

    async def _idle(self, operator: Client, slug: str) -> UUID:
        await operator.ask(
            tenancy_pb2.CreateTenantRequest(
                tenant_id=slug,
                tenant=tenancy_pb2.Tenant(display_name=slug, plan=tenancy_pb2.PLAN_TEAM),
                request_id=request_id(),
            ),
            tenancy_pb2.CreateTenantResponse,
        )
        return self._tenant_id(slug)

    async def _furnish(self, client: Client, on_interruption: str) -> None:
        for name, autonomy in ((CAPSULE, 7), (ASKING, 3), (CAUTIOUS, 5)):
            await new_capsule(
                client,
                self.installation.author_key,
                name,
                tools=(NOTE, STAMP, POST, FIRE),
                autonomy=autonomy,
                intelligence=5,
                on_interruption=on_interruption,
                confident=True,
            )

    def _tenant_id(self, slug: str) -> UUID:
        with psycopg.connect(self.owner_url) as connection:
            row = connection.execute(
                "select tenant_id from tenant_profiles where slug = %s", (slug,)
            ).fetchone()
        if row is None:
            raise AssertionError(f"there is no tenant {slug}")
        return UUID(str(row[0]))
