"""What a database of the last release holds stays in an upgrade, and is gone on with."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import psycopg
import pytest
from psycopg import AsyncConnection, sql

from adapters.postgres.database import Database, DatabaseSettings, open_database
from adapters.postgres.embedded_lifetime import EmbeddedServer
from adapters.postgres.migration import migrate
from adapters.postgres.schema import role_statements
from adapters.postgres.tables.schema import metadata
from adapters.postgres.upgrade import upgrade
from domain.conversation.turn import Turn
from domain.kernel.identifiers import SessionId, TenantId, TurnId
from domain.kernel.metering import Metric
from domain.tools.invocation import Invocation, InvocationState
from tests.contract.commands import Commands, tokens
from tests.contract.postgres_kernel import postgres_kernel
from tests.contract.postgres_server import copy_of, owner_url
from tests.contract.scene import Scene
from tests.contract.waiting_calls import LONG_AGO, approve, asked

pytestmark = pytest.mark.postgres

LAST: Final = "0003"

IN_TIME: Final = datetime(2100, 1, 1, tzinfo=UTC)

ADDED: Final = {
    "accounts": ["opened_at"],
    "findings": ["place"],
    "invocations": ["capsule_version_id", "key_id", "start_id"],
    "sealing": ["shown_to"],
    "turns": ["waits_until"],
}
"""Columns that the newest revision added."""

Rows = dict[str, list[tuple[object, ...]]]


@pytest.fixture
async def scene(fresh_database: Database, ask: Commands) -> AsyncGenerator[Scene]:
    async with postgres_kernel(fresh_database) as kernel:
        await kernel.administrator.open_tenant(ask.tenant_id)
        made = Scene(kernel, ask)
        await made.limit(ask.account, 1000)
        yield made


@pytest.fixture
def older(postgres_server: EmbeddedServer) -> DatabaseSettings:
    """A database as the last release left it, with a partition for all rows of each table."""
    settings = copy_of(postgres_server, "template1")
    with psycopg.connect(owner_url(settings), autocommit=True) as superuser:
        for statement in role_statements():
            superuser.execute(statement.encode())
    upgrade(owner_url(settings), LAST)
    with psycopg.connect(owner_url(settings), autocommit=True) as superuser:
        superuser.execute("set role somagent_owner")
        for name in metadata.tables:
            if metadata.tables[name].dialect_options["postgresql"]["partition_by"]:
                superuser.execute(
                    sql.SQL("create table {} partition of {} default").format(
                        sql.Identifier(f"{name}_default"), sql.Identifier(name)
                    )
                )
    return settings


async def beside(scene: Scene) -> Scene:
    """The same tenant in another session."""
    made = Scene(scene.kernel, scene.ask.in_session(SessionId(scene.ask.identifiers.next())))
    await scene.kernel.administrator.open_session(made.ask.session())
    return made


async def paused(scene: Scene, expires_at: datetime | None) -> tuple[TurnId, Invocation]:
    """A turn that waits for a person until then, if ever so long."""
    own = await beside(scene)
    turn_id = await own.running()
    call = replace(own.ask.call(turn_id, InvocationState.PENDING_APPROVAL), expires_at=expires_at)
    await scene.kernel.one.journal.pause(own.ask.pause(turn_id, tokens(40), waiting=(call,)))
    return turn_id, call


async def spoilt(settings: DatabaseSettings, scene: Scene) -> None:
    """A dead letter, a finding, and a sealer at work."""
    async with await AsyncConnection.connect(owner_url(settings)) as superuser:
        await superuser.execute(
            "insert into dead_letters (tenant_id, letter_id, source, origin, topic, key, type, "
            "header_names, header_values, payload, payload_bytes, reason, cause, attempted_at, "
            "attempt_errors, created_at) values (%s, %s, 'relay', 'event', 'audit.events', 'key', "
            "'audit.recorded', '{}', '{}', 'payload', 7, 'EVENT_REFUSED', 'too large', '{}', '{}', "
            "now())",
            (scene.ask.tenant_id, scene.ask.identifiers.next()),
        )
        await superuser.execute(
            "insert into findings values ('TURN_STUCK', %s, 'a turn', '', false, now(), now())",
            (scene.ask.tenant_id,),
        )
        await superuser.execute(
            "insert into sealing values (true, %s, now())", (scene.ask.identifiers.next(),)
        )


def rows_of(settings: DatabaseSettings) -> Rows:
    """Each row of each table as JSON, without what the newest revision added."""
    with psycopg.connect(owner_url(settings)) as superuser:
        return {
            name: superuser.execute(
                sql.SQL("select (to_jsonb(t) - %s::text[])::text from {} t order by 1").format(
                    sql.Identifier(name)
                ),
                (ADDED.get(name, []),),
            ).fetchall()
            for name in metadata.tables
        }


def fill(settings: DatabaseSettings, rows: Rows) -> None:
    with psycopg.connect(owner_url(settings)) as superuser:
        for name, found in rows.items():
            table = sql.Identifier(name)
            superuser.execute(sql.SQL("truncate {}").format(table))
            for (row,) in found:
                superuser.execute(
                    sql.SQL(
                        "insert into {} select * from jsonb_populate_record(null::{}, %s)"
                    ).format(table, table),
                    (row,),
                )


async def test_what_the_last_release_wrote_stays_and_is_gone_on_with(
    scene: Scene, fresh_settings: DatabaseSettings, older: DatabaseSettings
) -> None:
    late, _ = await paused(scene, LONG_AGO)
    await paused(scene, IN_TIME)
    await paused(scene, None)
    decided, call = await paused(scene, IN_TIME)
    await approve(scene, call)
    running = await (await beside(scene)).running()
    ended = await beside(scene)
    await scene.kernel.one.journal.finish(ended.ask.finish(await ended.running(), tokens(7)))
    overdue, approved = await asked(scene, overdue=True), await asked(scene)
    await approve(scene, approved)
    await scene.kernel.administrator.age_approvals(scene.ask.tenant_id)
    await spoilt(fresh_settings, scene)
    before = rows_of(fresh_settings)
    fill(older, before)

    await asyncio.to_thread(migrate, owner_url(older))

    assert rows_of(older) == before
    async with open_database(older) as database, postgres_kernel(database) as kernel:
        found = {one.id for one in await kernel.other.leases.decided(10) if isinstance(one, Turn)}
        stalled = {one.id for one in await kernel.effects.stalled(10)}
        await kernel.administrator.expire_leases(scene.ask.tenant_id)
        taken = [one.turn.id for one in await kernel.other.leases.take_over(10)]
    assert found == {late, decided}
    assert stalled == {overdue.id, approved.id}
    assert taken == [running]


async def test_use_of_before_is_missed_where_the_account_could_have_borne_it(
    ask: Commands, older: DatabaseSettings
) -> None:
    """Of tokens there was a limit in the month before; of images since the second line."""
    tenant_id = ask.tenant_id
    lines: list[tuple[str, Metric, int, list[TenantId]]] = [
        ("2026-11-01", Metric.TOKENS, 5, []),
        ("2026-11-02", Metric.IMAGES, 10, []),
        ("2026-11-03", Metric.IMAGES, 20, [tenant_id]),
        ("2026-11-04", Metric.IMAGES, 40, []),
    ]
    rows = [("2026-10-01", Metric.TOKENS, 0), ("2026-11-01", Metric.TOKENS, 0)]
    with psycopg.connect(owner_url(older)) as superuser:
        for period, metric, spent in [*rows, ("2026-11-01", Metric.IMAGES, 20)]:
            superuser.execute(
                "insert into accounts (tenant_id, account_id, metric, period, spent) "
                "values (%s, %s, %s, %s, %s)",
                (tenant_id, tenant_id, metric.code, period, spent),
            )
        for at, metric, amount, accounts in lines:
            superuser.execute(
                "insert into ledger values (%s, %s, 1, %s, %s, 1, 0, '2026-11-01', %s, %s)",
                (tenant_id, ask.identifiers.next(), metric.code, amount, accounts, at),
            )

    await asyncio.to_thread(migrate, owner_url(older))

    with psycopg.connect(owner_url(older)) as superuser:
        found = superuser.execute(
            "select reference, detail from unequal_accounts(%s, true) order by 1", (tenant_id,)
        ).fetchall()
    assert found == [
        (f"{tenant_id}/{Metric.TOKENS.code}/2026-11-01", "spent 0, ledger 5"),
        (f"{tenant_id}/{Metric.IMAGES.code}/2026-11-01", "spent 20, ledger 60"),
    ]
