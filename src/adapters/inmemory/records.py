"""Provenance records and their chains, beside the turns' in the in-memory store."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import final
from uuid import UUID, uuid5

from adapters.inmemory.store import InMemoryStore
from application.kernel.ports import Clock
from application.provenance.ports import AppendRecord
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.identifiers import EventId, RecordId, TenantId, TurnId
from domain.provenance.chain import ChainHead, ChainSeals, Seal, Unsealed, UnsealedChain
from domain.provenance.errors import RecordNotFoundError
from domain.provenance.receipt import Receipt
from domain.provenance.record import StoredRecord

_Place = tuple[TenantId, RecordId]


@final
@dataclass(slots=True)
class InMemoryRecords:
    """`Records` and `Chains`. Steps hold no await: each is atomic by that alone."""

    store: InMemoryStore
    clock: Clock
    requests: dict[tuple[TenantId, str], tuple[bytes, RecordId]] = field(
        default_factory=dict[tuple[TenantId, str], tuple[bytes, RecordId]]
    )
    times: dict[_Place, datetime] = field(default_factory=dict[_Place, datetime])
    seals: dict[_Place, Seal] = field(default_factory=dict[_Place, Seal])
    heads: dict[TenantId, ChainHead] = field(default_factory=dict[TenantId, ChainHead])
    shown_to: TenantId = field(default_factory=lambda: TenantId(UUID(int=0)))

    async def append(self, command: AppendRecord) -> StoredRecord:
        """Store a record at the tenant's next position, once per request id."""
        request = command.tenant_id, command.request_id
        digest, record_id = self.requests.setdefault(request, (command.digest, command.record_id))
        if digest != command.digest:
            raise IdempotencyKeyReusedError(command.request_id)
        place = command.tenant_id, record_id
        if place not in self.store.records:
            self.store.record_alone(*place, command.body, command.nonce)
            self.times[place] = self.clock.now()
        return self._stored(place)

    async def record(self, tenant_id: TenantId, record_id: RecordId) -> StoredRecord:
        return self._stored((tenant_id, record_id))

    async def records(
        self, tenant_id: TenantId, *, after: int, limit: int
    ) -> Sequence[StoredRecord]:
        """In order of position, above `after`."""
        found = [self._stored(place) for place in self.store.records if place[0] == tenant_id]
        ordered = sorted(found, key=lambda record: record.position)
        return [record for record in ordered if record.position > after][:limit]

    async def receipt(self, tenant_id: TenantId, record_id: RecordId) -> Receipt | None:
        """The record with its seal; None while it has none."""
        place = tenant_id, record_id
        record, seal = self._stored(place), self.seals.get(place)
        if seal is None:
            return None
        return Receipt(
            tenant_id=tenant_id,
            record_id=record_id,
            position=record.position,
            previous_hash=seal.previous_hash,
            hash=seal.hash,
            key_id=seal.key_id,
            algorithm=seal.algorithm,
            signature=seal.signature,
            body=record.body,
        )

    async def unsealed(self, limit: int) -> Sequence[UnsealedChain]:
        """Chains with records that have no seal; behind a full page the next one begins."""
        waiting = sorted(
            (place[0] <= self.shown_to, place[0], record.position, place[1], record.body)
            for place, record in self.store.records.items()
            if place not in self.seals
        )[:limit]
        if len(waiting) >= limit:
            self.shown_to = waiting[-1][1]
        return [
            UnsealedChain(
                tenant_id=tenant_id,
                head=self.heads.get(tenant_id, ChainHead()),
                records=tuple(
                    Unsealed(record_id=record_id, position=position, body=body)
                    for _, _, position, record_id, body in group
                ),
            )
            for tenant_id, group in groupby(waiting, key=lambda one: one[1])
        ]

    async def seal(self, chains: Sequence[ChainSeals]) -> Sequence[bool]:
        """Write seals by compare-and-set on each chain's head: all of a chain's, or none."""
        return [self._seal(chain) for chain in chains]

    def _seal(self, chain: ChainSeals) -> bool:
        if self.heads.get(chain.tenant_id, ChainHead()) != chain.head:
            return False
        for seal in chain.seals:
            self.seals[chain.tenant_id, seal.record_id] = seal
            self.heads[chain.tenant_id] = ChainHead(seal.position, seal.hash)
        name = uuid5(chain.tenant_id, str(chain.head.position))
        self.store.publish(chain.fact(EventId(name), self.clock.now()))
        return True

    def _stored(self, place: _Place) -> StoredRecord:
        record = self.store.records.get(place)
        if record is None:
            raise RecordNotFoundError(str(place[1]))
        return StoredRecord(
            id=place[1],
            tenant_id=place[0],
            position=record.position,
            body=record.body,
            created_at=self._time(place, record.turn_id),
            turn_id=record.turn_id,
            nonce=self.store.nonces.get(place),
            sealed=place in self.seals,
        )

    def _time(self, place: _Place, turn_id: TurnId | None) -> datetime:
        if turn_id is not None:
            ended = self.store.turns[place[0], turn_id].turn.finished_at
            return ended or self.clock.now()
        return self.times[place]
