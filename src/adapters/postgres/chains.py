"""The chains of all tenants in PostgreSQL, as a sealer sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Final, LiteralString, final
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from adapters.postgres.database import Database
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.seal_bytes import packed_seal
from application.kernel.ports import Clock, IdentifierSource
from domain.kernel.identifiers import EventId, RecordId, ServerId, TenantId
from domain.provenance.chain import ChainHead, ChainSeals, Unsealed, UnsealedChain

LEASE: Final = timedelta(seconds=5)
"""So long others are shown no record, from when a sealer was shown some until it wrote their seals.

A sealer that is slower loses nothing but signatures; one that died holds the others up so long.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    tenant_id: UUID
    head_position: int
    head_hash: bytes
    record_id: UUID
    record_position: int
    body: bytes


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresChains:
    """`Chains`: one function each way."""

    database: Database
    sealer_id: ServerId
    outgoing: Outgoing
    clock: Clock
    identifiers: IdentifierSource
    lease: timedelta = LEASE

    async def unsealed(self, limit: int) -> Sequence[UnsealedChain]:
        """Chains with records that have no seal, at most so many records in all.

        None while another sealer is at it.
        """
        asked = self.sealer_id, self.lease, limit
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Row))
            rows = await (await cursor.execute(_UNSEALED, asked, binary=True)).fetchall()
        return [_chain(list(group)) for _, group in groupby(rows, key=lambda row: row.tenant_id)]

    async def seal(self, chains: Sequence[ChainSeals]) -> Sequence[bool]:
        """Write seals by compare-and-set on each chain's head: all of a chain's, or none."""
        named = {
            "sealer": self.sealer_id,
            "tenants": [chain.tenant_id for chain in chains],
            "positions": [chain.head.position for chain in chains],
            "hashes": [chain.head.hash for chain in chains],
            "last_positions": [chain.seals[-1].position for chain in chains],
            "last_hashes": [chain.seals[-1].hash for chain in chains],
            "record_tenants": [chain.tenant_id for chain in chains for _ in chain.seals],
            "records": [seal.record_id for chain in chains for seal in chain.seals],
            "seals": [packed_seal(seal) for chain in chains for seal in chain.seals],
            **self.outgoing.named(
                [chain.fact(EventId(self.identifiers.next()), self.clock.now()) for chain in chains]
            ),
        }
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=scalar_row)
            moved: list[bool] | None = await (await cursor.execute(_SEAL, named)).fetchone()
        return moved or []


def _chain(rows: Sequence[_Row]) -> UnsealedChain:
    return UnsealedChain(
        tenant_id=TenantId(rows[0].tenant_id),
        head=ChainHead(rows[0].head_position, rows[0].head_hash),
        records=tuple(
            Unsealed(record_id=RecordId(row.record_id), position=row.record_position, body=row.body)
            for row in rows
        ),
    )


_UNSEALED: Final[LiteralString] = "select * from unsealed_records(%s, %s, %s::integer)"
_SEAL: Final[LiteralString] = (
    "select seal_records(%(sealer)s, %(tenants)s::uuid[], %(positions)s::bigint[],"
    " %(hashes)s::bytea[], %(last_positions)s::bigint[], %(last_hashes)s::bytea[],"
    " %(record_tenants)s::uuid[], %(records)s::uuid[], %(seals)s::bytea[], %(events)s::uuid[],"
    " %(keys)s::uuid[], %(types)s::text[], %(traces)s::text[], %(times)s::bigint[],"
    " %(payloads)s::bytea[])"
)
