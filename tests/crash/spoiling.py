"""What must not be, planted with the owner's hand: servers are to find it and set it right."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from tests.crash.evidence import Evidence
from tests.system.service import until

PAUSE_SECONDS: Final = 0.4

PATIENCE_SECONDS: Final = 60.0
"""So long a database that is away is waited for, at the end."""

POISON: Final = "planted.unknown"
"""A type of events that no topic takes."""

_HELD: Final = """
    update accounts set held = 3 where tenant_id = %(tenant)s and metric = 1 and held = 0
"""

_OLD: Final = """
    insert into requests (tenant_id, method, request_id, digest, resource, created_at)
    select %(tenant)s, 'Planted', gen_random_uuid()::text, '', '', now() - interval '10 days'
"""

_POISONED: Final = """
    with made as (select gen_random_uuid() as key_id from generate_series(1, 6)
        where not exists (select from outbox
            where tenant_id = %(tenant)s and type = %(poison)s and published_at is null)
    ), numbered as (
        insert into event_keys (tenant_id, key_id, event_sequence)
        select %(tenant)s, key_id, 1 from made
    )
    insert into outbox (tenant_id, event_id, key_id, sequence, type, payload, occurred_at,
        created_at)
    select %(tenant)s, uuidv7(), key_id, 1, %(poison)s, '', now(), now() from made
"""
"""So many keys that each relay has one of them. One page of them at a time."""

_UNREADABLE: Final = """
    with made as (select gen_random_uuid() as key_id where not exists (select from outbox
        where tenant_id = %(tenant)s and type = 'usage.recorded')
    ), numbered as (
        insert into event_keys (tenant_id, key_id, event_sequence)
        select %(tenant)s, key_id, 1 from made
    )
    insert into outbox (tenant_id, event_id, key_id, sequence, type, payload, occurred_at,
        created_at, published_at)
    select %(tenant)s, uuidv7(), key_id, 1, 'usage.recorded', '\\xff', now(), now(), now() from made
"""
"""What was billed cannot be read: a look at it fails."""

_READABLE: Final = """
    delete from outbox where tenant_id = %(tenant)s and type = 'usage.recorded'
"""

_LATE: Final = """
    update invocations set expires_at = clock_timestamp()
    where state = 1 and invocation_id::text = any (%(forsaken)s) and expires_at > clock_timestamp()
"""
"""The time of calls about which nobody decides passes; the database's own clock cannot be moved."""

_MISSING: Final = """
    do $$ begin
        set local lock_timeout = '200ms';
        execute format('drop table if exists records_%%s',
            to_char(now() at time zone 'UTC' + interval '2 months', 'YYYY_MM'));
    exception when lock_not_available or deadlock_detected then
        null;  -- somebody is at the table: at another time
    end $$
"""


def pass_time(connection: psycopg.Connection[TupleRow], evidence: Evidence) -> None:
    """Let the time of every call be over about which nobody decides."""
    forsaken = [name.rpartition("/")[2] for name in evidence.forsaken]
    connection.execute(_LATE.encode(), {"forsaken": forsaken})


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoiler:
    """Plants in the idle tenant what servers have to deal with, and lets a person's time pass.

    A hold that nobody has, a request of long ago, the lack of a month to come, events that no topic
    takes, and a bill that cannot be read. The last nobody can set right: it is taken away again.
    """

    owner_url: str
    evidence: Evidence

    async def run(self, goes_on: Callable[[], bool]) -> None:
        while goes_on():
            await asyncio.to_thread(self.plant)
            await asyncio.sleep(PAUSE_SECONDS)

        async def is_taken_away() -> bool:
            return await asyncio.to_thread(self._written, _READABLE)

        await until(is_taken_away, PATIENCE_SECONDS)

    def plant(self) -> None:
        """Once more what was set right meanwhile. A database that is away is left alone."""
        self._written(_HELD, _OLD, _POISONED, _UNREADABLE, _MISSING)

    def _written(self, *statements: str) -> bool:
        named = {"tenant": self.evidence.idle, "poison": POISON}
        try:
            with psycopg.connect(self.owner_url, autocommit=True) as connection:
                for statement in statements:
                    connection.execute(statement.encode(), named)
                pass_time(connection, self.evidence)
        except psycopg.OperationalError:
            return False
        return True
