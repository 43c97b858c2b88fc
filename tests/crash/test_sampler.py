"""The sampler finds what is wrong only for a while, and leaves alone what is right."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from psycopg.rows import TupleRow

from tests.crash.acting.actor import Actor
from tests.crash.acting.turns import plain
from tests.crash.caller import Caller
from tests.crash.checker.violation import Kind, Violation
from tests.crash.laboratory import laboratory
from tests.crash.sampler import SLACK_SECONDS, Sampler

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("checker")]

OVERDUE = """
update turns set state = 2, lease_until = now(), deadline_at = now() - interval '9 seconds'
where {mine}
"""

HELD = "update accounts set held = held + {more} where metric = 1 and {mine}"

LIMITED = """
with changed as (
    update limits set version = version + 1 where metric = 1 and {mine}
)
update accounts set limit_amount = spent + held + {room} where metric = 1 and {mine}
"""

FOUND = """
insert into findings (kind, tenant_id, reference, detail, repaired, found_at, seen_at)
select 'held_unequal', tenant_id, 'a', 'b', true, now(), now() from tenants where tenant_id = '{of}'
"""


@dataclass(slots=True)
class Watch:
    """A run's tenant, to be spoilt between two looks; all is undone in the end."""

    connection: psycopg.AsyncConnection[TupleRow]
    sampler: Sampler
    servers: set[Path] = field(default_factory=lambda: {Path("one.log")})

    async def spoil(self, statement: str, **named: object) -> None:
        mine = f"tenant_id = '{self.sampler.tenants[0]}'"
        whole = statement.format(mine=mine, **named)
        assert (await self.connection.execute(whole.encode())).rowcount > 0

    async def look(self, now: float = 1.0) -> list[Violation]:
        await self.sampler.look(self.connection, now)
        return self.sampler.found

    async def look_on(self, since: float, until: float) -> list[Violation]:
        """Look once a second."""
        while since <= until:
            await self.look(since)
            since += 1
        return self.sampler.found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def spoilable() -> AsyncGenerator[Watch]:
    async with laboratory(82, servers=1) as lab:
        evidence = await lab.tenants(1)
        actor = Actor(Caller(evidence.tenants[0], evidence, lab.chance))
        await actor.open()
        await plain(actor)
        await lab.over(evidence)
        async with await psycopg.AsyncConnection.connect(lab.owner_url, autocommit=True) as own:
            yield Watch(own, lab.sampler(evidence))


@pytest_asyncio.fixture(loop_scope="module")
async def watch(spoilable: Watch) -> AsyncGenerator[Watch]:
    servers = {Path("one.log")}
    known = spoilable.sampler
    sampler = Sampler(
        owner_url=known.owner_url,
        tenants=known.tenants,
        idle=known.idle,
        servers=lambda: servers,
        lease_seconds=known.lease_seconds,
        found=[],
    )
    async with spoilable.connection.transaction(force_rollback=True):
        yield Watch(spoilable.connection, sampler, servers)


async def test_nothing_is_found_where_nothing_is_wrong(watch: Watch) -> None:
    assert await watch.look_on(0, 3 * SLACK_SECONDS) == []


async def test_a_hold_beyond_the_limit_is_found_though_it_is_given_back(watch: Watch) -> None:
    await watch.spoil(LIMITED, room=5)
    await watch.look()
    await watch.spoil(HELD, more=6)
    await watch.look()
    await watch.spoil(HELD, more=-6)

    assert [one.kind for one in await watch.look()] == [Kind.OVERSPENT]


async def test_what_fits_and_a_limit_that_is_set_lower_are_right(watch: Watch) -> None:
    await watch.spoil(LIMITED, room=5)
    await watch.look()
    await watch.spoil(HELD, more=5)
    await watch.look()
    await watch.spoil(LIMITED, room=-3)

    assert await watch.look() == []


async def test_a_repaired_finding_is_one_save_where_it_was_planted(watch: Watch) -> None:
    await watch.spoil(FOUND, of=watch.sampler.idle)
    assert await watch.look() == []
    await watch.spoil(FOUND, of=watch.sampler.tenants[0])

    assert [one.kind for one in await watch.look()] == [Kind.STUCK]


async def test_a_turn_that_runs_on_beside_a_server_is_found_once(watch: Watch) -> None:
    await watch.spoil(OVERDUE)
    assert await watch.look_on(0, SLACK_SECONDS) == []

    assert [one.kind for one in await watch.look_on(SLACK_SECONDS + 1, 30)] == [Kind.STUCK]


async def test_a_turn_that_no_server_lived_beside_is_not_found(watch: Watch) -> None:
    await watch.spoil(OVERDUE)
    for second in range(30):
        watch.servers.clear()
        watch.servers.update({Path(f"{second // 4}.log")})
        assert await watch.look(second) == []


async def test_what_passed_while_nobody_looked_is_not_judged(watch: Watch) -> None:
    await watch.spoil(OVERDUE)

    assert [await watch.look(at) for at in (0.0, 10.0, 20.0)] == [[], [], []]
