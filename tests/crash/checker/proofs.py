"""Every answer has a receipt that verifies offline, and every fact goes out in its order."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final
from uuid import UUID

from adapters.canonical.canonical_json import Rfc8785Json
from adapters.postgres.seal_bytes import unpacked_seal
from adapters.signing.ed25519 import Ed25519Keys
from application.provenance.verify_receipt import VerifyReceipt
from domain.kernel.identifiers import RecordId, TenantId
from domain.provenance.receipt import Receipt
from tests.crash.checker.ground import Ground
from tests.crash.checker.violation import Kind, Violation

_RECORDS: Final = """
    select tenant_id, record_id, position, body, seal from records
    where tenant_id = any (%(tenants)s) order by tenant_id, position
"""

_UNRECORDED: Final = """
    select t.turn_id from turns t left join records r
        on r.tenant_id = t.tenant_id and r.record_id = t.record_id and r.turn_id = t.turn_id
    where t.tenant_id = any (%(tenants)s) and t.state in (4, 5, 6) and r.record_id is null
"""

_TWICE: Final = """
    select turn_id, count(*) from records
    where tenant_id = any (%(tenants)s) and turn_id is not null group by 1 having count(*) > 1
"""

_KEYS: Final = """
    select key_id, count(*), min(sequence), max(sequence), count(distinct sequence) from outbox
    where tenant_id = any (%(tenants)s) group by 1
    having count(*) <> max(sequence) or min(sequence) <> 1 or count(distinct sequence) <> count(*)
"""

_WAITING: Final = """
    select type, event_id, created_at from outbox
    where tenant_id = any (%(tenants)s) and published_at is null
"""

_TOLD: Final = """
    select t.turn_id, t.state, (select count(*) from outbox o
        where o.tenant_id = t.tenant_id and o.key_id = t.session_id
          and o.type in ('turn.completed', 'turn.failed', 'turn.cancelled')
          and position(convert_to(t.turn_id::text, 'UTF8') in o.payload) > 0) as told
    from turns t where t.tenant_id = any (%(tenants)s)
"""

_CHAIN_PIECE: Final = 500


def check_proofs(ground: Ground, public_key: bytes) -> Iterator[Violation]:
    """Invariant 8, and that each end of a turn is told once."""
    for (turn,) in ground.rows(_UNRECORDED):
        yield Violation(Kind.LOST, f"turn {turn} ended and has no record of its own")
    for turn, times in ground.rows(_TWICE):
        yield Violation(Kind.DOUBLED, f"turn {turn} has {times} records")
    for key, count, first, last, distinct in ground.rows(_KEYS):
        kind = Kind.DOUBLED if distinct != count else Kind.LOST
        yield Violation(kind, f"key {key} has {count} events, numbered {first} to {last}")
    for kind, event, since in ground.rows(_WAITING):
        yield Violation(Kind.STUCK, f"event {event} ({kind}) is not published since {since}")
    for turn, state, told in ground.rows(_TOLD):
        expected = 1 if state in {4, 5, 6} else 0
        if told != expected:
            kind = Kind.DOUBLED if told > expected else Kind.LOST
            yield Violation(kind, f"the end of turn {turn} (state {state}) is told {told} times")
    verify = VerifyReceipt(json=Rfc8785Json(), verifier=Ed25519Keys([public_key]))
    rows = ground.rows(_RECORDS)
    for tenant, records in groupby(rows, key=lambda row: UUID(str(row[0]))):
        yield from _check_chain(ground.slug(tenant), TenantId(tenant), list(records), verify)


def _check_chain(
    slug: str, tenant: TenantId, rows: Sequence[tuple[object, ...]], verify: VerifyReceipt
) -> Iterator[Violation]:
    receipts: list[Receipt] = []
    for expected, (_, record_id, position, body, seal) in enumerate(rows, 1):
        if position != expected:
            what = f"{slug}: the record after {expected - 1} is at {position}"
            yield Violation(Kind.LOST, what)
            return
        if not isinstance(seal, bytes) or not isinstance(body, bytes):
            yield Violation(Kind.STUCK, f"{slug}: record {record_id} at {position} has no seal")
            return
        one = unpacked_seal(RecordId(UUID(str(record_id))), expected, seal)
        receipts.append(
            Receipt(
                tenant_id=tenant,
                record_id=one.record_id,
                position=one.position,
                previous_hash=one.previous_hash,
                hash=one.hash,
                key_id=one.key_id,
                algorithm=one.algorithm,
                signature=one.signature,
                body=body,
            )
        )
    for start in range(0, len(receipts), _CHAIN_PIECE):
        # Pieces overlap by one, so that every link is looked at.
        for problem in verify(receipts[max(0, start - 1) : start + _CHAIN_PIECE]).problems:
            yield Violation(Kind.LOST, f"{slug}: the chain does not verify: {problem}")
