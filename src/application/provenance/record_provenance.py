"""Record something that was done outside a turn."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import final

from application.kernel.ports import CanonicalJson, IdentifierSource
from application.provenance.ports import AppendRecord, Records, SealBell
from application.provenance.record_form import form_of, instant
from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import RecordId, TenantId
from domain.provenance.external import MAX_CONTENT_BYTES, check_external, check_times
from domain.provenance.record import ExternalContent, ProvenanceRecord, StoredRecord
from domain.provenance.salted_hash import SaltedHash, plain_hash, salted_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordProvenanceCommand:
    """`subject` is who calls. `input` and `output` are hashed and never kept."""

    tenant_id: TenantId
    subject: str
    request_id: str
    action: str
    resource: str
    facts: Mapping[str, str]
    outcome: str
    started_at: datetime
    finished_at: datetime
    reason: str = ""
    input: bytes | None = None
    output: bytes | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RecordProvenance:
    """Take the next place in the tenant's chain, once per request id."""

    records: Records
    json: CanonicalJson
    identifiers: IdentifierSource
    bell: SealBell

    async def __call__(self, command: RecordProvenanceCommand) -> StoredRecord:
        """Write the record; the first one when the request was there before.

        The nonce of its hashes comes back with it: who keeps the content keeps the nonce beside it,
        and destroys both together.

        Raises:
            InvalidArgumentError: A field has not its form, or seems to hold personal data.
            IdempotencyKeyReusedError: The request id is known with other content.
        """
        _check(command)
        record_id, nonce = RecordId(self.identifiers.next()), self.identifiers.nonce()
        stored = await self.records.append(
            AppendRecord(
                tenant_id=command.tenant_id,
                record_id=record_id,
                request_id=command.request_id,
                digest=self._digest(command),
                body=self.json.encode(form_of(_record(command, record_id, nonce))),
                nonce=nonce,
            )
        )
        self.bell.record_written()
        return stored

    def _digest(self, command: RecordProvenanceCommand) -> bytes:
        return plain_hash(
            self.json.encode(
                {
                    "subject": command.subject,
                    "action": command.action,
                    "resource": command.resource,
                    "facts": dict(command.facts),
                    "outcome": command.outcome,
                    "reason": command.reason,
                    "started_at": instant(command.started_at),
                    "finished_at": instant(command.finished_at),
                    "input": _plain(command.input),
                    "output": _plain(command.output),
                }
            )
        )


def _check(command: RecordProvenanceCommand) -> None:
    check_external(
        action=command.action,
        resource=command.resource,
        facts=command.facts,
        outcome=command.outcome,
        reason=command.reason,
    )
    check_times(command.started_at, command.finished_at)
    for field, content in (("input", command.input), ("output", command.output)):
        if content is not None and len(content) > MAX_CONTENT_BYTES:
            raise InvalidArgumentError(field, f"must be at most {MAX_CONTENT_BYTES} bytes")


def _record(
    command: RecordProvenanceCommand, record_id: RecordId, nonce: bytes
) -> ProvenanceRecord:
    return ProvenanceRecord(
        id=record_id,
        tenant_id=command.tenant_id,
        subject=salted_hash(nonce, command.subject),
        started_at=command.started_at,
        finished_at=command.finished_at,
        outcome=command.outcome,
        reason=command.reason,
        content=ExternalContent(
            action=command.action,
            resource=command.resource,
            facts=command.facts,
            input=_salted(nonce, command.input),
            output=_salted(nonce, command.output),
        ),
    )


def _salted(nonce: bytes, content: bytes | None) -> SaltedHash | None:
    return None if content is None else salted_hash(nonce, content)


def _plain(content: bytes | None) -> str | None:
    return None if content is None else plain_hash(content).hex()
