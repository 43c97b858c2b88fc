"""Servers hear of each other's turns, and find what they did not hear."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import psycopg
import pytest

from adapters.postgres.database import Database
from adapters.postgres.journal import PostgresTurnJournal, open_turn_journal
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.signals import PostgresTurnSignals
from application.conversation.ports.signals import Signal, SignalKind
from tests.contract.commands import Commands
from tests.contract.inmemory_kernel import ONE, OTHER
from tests.contract.postgres_kernel import PostgresAdministrator, encode
from tests.contract.postgres_server import owner_url
from tests.fakes import CountingIdentifiers

pytestmark = pytest.mark.postgres


@pytest.fixture
async def ask(fresh_database: Database, request: pytest.FixtureRequest) -> Commands:
    ask = Commands.fresh(CountingIdentifiers(request.node.nodeid))
    url = owner_url(fresh_database.settings)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as superuser:
        administrator = PostgresAdministrator(superuser)
        await administrator.open_tenant(ask.tenant_id)
        await administrator.open_session(ask.session())
    return ask


@pytest.fixture
async def journal(fresh_database: Database) -> AsyncGenerator[PostgresTurnJournal]:
    async with open_turn_journal(fresh_database, ONE, Outgoing(encode)) as opened:
        yield opened


@pytest.fixture
def driver(fresh_database: Database) -> PostgresTurnSignals:
    return PostgresTurnSignals(database=fresh_database, server_id=ONE)


@pytest.fixture
def elsewhere(fresh_database: Database) -> PostgresTurnSignals:
    return PostgresTurnSignals(database=fresh_database, server_id=OTHER)


def heard(signals: PostgresTurnSignals) -> "aclosing[AsyncGenerator[Signal]]":
    return aclosing(cast("AsyncGenerator[Signal]", signals.listen()))


async def take(signals: AsyncGenerator[Signal], count: int) -> list[Signal]:
    return [await anext(signals) for _ in range(count)]


async def test_who_begins_to_listen_looks_at_everything_once(driver: PostgresTurnSignals) -> None:
    async with heard(driver) as signals:
        found = await take(signals, len(SignalKind))

    assert found == [Signal(kind, None) for kind in SignalKind]


async def test_a_driver_hears_once_that_its_turn_is_watched_and_the_watcher_of_its_events(
    ask: Commands,
    journal: PostgresTurnJournal,
    driver: PostgresTurnSignals,
    elsewhere: PostgresTurnSignals,
) -> None:
    turn = (await journal.accept(ask.accept())).turn_id
    async with heard(driver) as to_driver, heard(elsewhere) as to_watcher:
        await take(to_driver, len(SignalKind))
        await take(to_watcher, len(SignalKind))

        await elsewhere.watch(ask.tenant_id, turn)
        await elsewhere.watch(ask.tenant_id, turn)
        await driver.promoted(turn, ONE)
        assert await take(to_driver, 2) == [
            Signal(SignalKind.WATCH, turn),
            Signal(SignalKind.PROMOTED, turn),
        ]

        await driver.written([(ask.tenant_id, turn)])
        assert await take(to_watcher, 1) == [Signal(SignalKind.WRITTEN, turn)]

    assert await driver.watched([(ask.tenant_id, turn)]) == [turn]
    assert await elsewhere.watched([(ask.tenant_id, turn)]) == []


async def test_the_first_to_cancel_is_kept_and_the_driver_hears_of_it(
    ask: Commands,
    journal: PostgresTurnJournal,
    driver: PostgresTurnSignals,
    elsewhere: PostgresTurnSignals,
) -> None:
    turn = (await journal.accept(ask.accept())).turn_id
    async with heard(driver) as signals:
        await take(signals, len(SignalKind))
        await elsewhere.cancel(ask.tenant_id, turn, "ada")
        await elsewhere.cancel(ask.tenant_id, turn, "bob")
        assert await take(signals, 1) == [Signal(SignalKind.CANCEL, turn)]

    assert await driver.cancellations([(ask.tenant_id, turn)]) == [(turn, "ada")]


async def test_a_listener_whose_connection_was_lost_looks_at_everything_again(
    fresh_database: Database, driver: PostgresTurnSignals
) -> None:
    async with heard(driver) as signals:
        await take(signals, len(SignalKind))
        with psycopg.connect(owner_url(fresh_database.settings), autocommit=True) as superuser:
            superuser.execute(
                "select pg_terminate_backend(pid, 60000) from pg_stat_activity "
                "where query like 'listen%' and datname = current_database()"
            )

        found = await take(signals, len(SignalKind))

    assert found == [Signal(kind, None) for kind in SignalKind]
