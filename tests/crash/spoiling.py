"""What must not be, planted with the owner's hand: servers are to find it and set it right."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import psycopg

PAUSE_SECONDS: Final = 0.4

_HELD: Final = """
    update accounts set held = 3 where tenant_id = %(tenant)s and metric = 1 and held = 0
"""

_OLD: Final = """
    insert into requests (tenant_id, method, request_id, digest, resource, created_at)
    select %(tenant)s, 'Planted', gen_random_uuid()::text, '', '', now() - interval '10 days'
"""

_MISSING: Final = """
    do $$ begin
        set local lock_timeout = '200ms';
        execute format('drop table if exists records_%s',
            to_char(now() at time zone 'UTC' + interval '2 months', 'YYYY_MM'));
    exception when lock_not_available or deadlock_detected then
        null;  -- somebody is at the table: at another time
    end $$
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoiler:
    """Plants a hold that nobody has, a request of long ago, and the lack of a month to come."""

    owner_url: str
    tenant_id: UUID

    async def run(self, goes_on: Callable[[], bool]) -> None:
        while goes_on():
            await asyncio.to_thread(self.plant)
            await asyncio.sleep(PAUSE_SECONDS)

    def plant(self) -> None:
        """Once more what was set right meanwhile. A database that is away is left alone."""
        try:
            with psycopg.connect(self.owner_url, autocommit=True) as connection:
                for statement in (_HELD, _OLD):
                    connection.execute(statement.encode(), {"tenant": self.tenant_id})
                connection.execute(_MISSING.encode())
        except psycopg.OperationalError:
            return
