"""What became of events: each that came is compared with what was committed under its number."""

from dataclasses import dataclass
from typing import Final

import psycopg

# A tenant that is not registered is named by its identifier.
_JOINED: Final = (
    b" from bench_deliveries d left join outbox o on o.sequence = d.sequence"
    b" and d.key = 'tenants/' || o.tenant_id || '/sessions/' || o.key_id"
)

LOST: Final = (
    b"select count(*) from outbox o where not exists (select from bench_effects e"
    b" where e.sequence = o.sequence"
    b" and e.key = 'tenants/' || o.tenant_id || '/sessions/' || o.key_id)"
)
DOUBLED: Final = (
    b"select (select count(*) from (select from bench_deliveries group by key, sequence"
    b" having count(distinct id) > 1) numbers)"
    b" + (select count(*) from (select from bench_deliveries group by id"
    b" having count(distinct (key, sequence)) > 1) ids)"
    b" + (select count(*) - count(distinct (key, sequence)) from bench_effects)"
)
REORDERED: Final = (
    b"select count(*) from (select sequence - lag(sequence, 1, 0::bigint)"
    b" over (partition by key order by place) as step from bench_effects) s where step <> 1"
)
CHANGED: Final = (
    b"select count(*)" + _JOINED + b" where o.event_id is distinct from d.id"
    b" or o.type is distinct from d.type or d.tenant is distinct from 'tenants/' || o.tenant_id"
    b" or sha256(o.payload) is distinct from d.digest"
)
AGAIN: Final = (
    b"select count(*) - count(distinct (key, sequence, id, type, tenant, digest))"
    b" from bench_deliveries"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Counts. `again` is no fault: an event may come at least once, as the same."""

    lost: int
    """Committed events that had no effect."""
    doubled: int
    """Numbers under which several events came, events that came under several, doubled effects."""
    reordered: int
    """Effects that are not of the number after the one before of their key."""
    changed: int
    """Deliveries whose id, type, tenant or payload is not what was committed under their number."""
    again: int

    @property
    def faults(self) -> int:
        return self.lost + self.doubled + self.reordered + self.changed


async def verdict(database: "psycopg.AsyncConnection[tuple[object, ...]]") -> Verdict:
    """Look at all that came, when nothing more is to come."""

    async def count(query: bytes) -> int:
        row = await (await database.execute(query)).fetchone()
        return int(str(row[0])) if row is not None else 0

    return Verdict(
        lost=await count(LOST),
        doubled=await count(DOUBLED),
        reordered=await count(REORDERED),
        changed=await count(CHANGED),
        again=await count(AGAIN),
    )
