"""`somagent relay` as a process: it publishes what servers leave, and tells how it stands."""

import pytest

from tests.system.conversing import answer_to, open_session
from tests.system.installation import Installation, new_capsule, new_tenant
from tests.system.service import (
    http_body,
    http_status,
    listened_ports,
    port_of,
    serving,
    start,
    until,
)
from tests.upstream.chunks import answer
from tests.upstream.scripted import ScriptedUpstream, streamed

pytestmark = pytest.mark.asyncio(loop_scope="module")

PUBLISHED = 'somagent_events_published_total{outcome="ok",topic="conversation.outbound"}'


async def test_it_publishes_alone_and_shows_it_on_the_one_port_that_it_opens(
    installation: Installation, upstream: ScriptedUpstream
) -> None:
    servers = installation.with_settings(relay__enabled=False)
    async with serving(servers) as server:
        client = await new_tenant(await installation.operator(server.address), "relayed")
        session = await open_session(
            client, await new_capsule(client, await installation.author(), "plain")
        )
        upstream.answers(streamed(*answer("Yes.")))
        await answer_to(client, session)
        # The server's settings are the relay's: each has an address of its own in them.
        async with serving(servers, command="relay") as relay:
            apart = relay.http_address

            async def published() -> bool:
                shown = await http_body(apart, "/metrics")
                return f"{PUBLISHED} 2.0" in shown and "somagent_outbox_events" in shown

            await until(published)
            assert PUBLISHED not in await http_body(server.http_address, "/metrics")
            assert listened_ports(relay.process.pid) == {port_of(apart)}
            assert await relay.stop() == 0


async def test_of_two_on_a_machine_the_second_says_that_it_needs_another_port(
    installation: Installation,
) -> None:
    address = installation.beside().settings.relay.http_address
    async with serving(installation, command="relay") as first:
        refused = await start(installation, command="relay")

        assert await refused.ended() == 1
        assert first.http_address in refused.said
        assert "--http-address" in refused.said
        second = await start(installation, "--http-address", address, command="relay")

        async def is_ready() -> bool:
            return await http_status(address, "/readyz") == 200

        await until(is_ready)
        assert await second.stop() == 0
