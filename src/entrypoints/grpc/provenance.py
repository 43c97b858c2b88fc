"""The servicer of somagent.provenance.v1."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final
from uuid import UUID

from application.conversation.name_turn import NameTurn, NameTurnQuery
from application.provenance.get_receipt import GetReceipt, GetReceiptQuery
from application.provenance.get_record import (
    GetRecord,
    GetRecordQuery,
    ListRecords,
    ListRecordsQuery,
)
from application.provenance.record_provenance import RecordProvenance, RecordProvenanceCommand
from application.provenance.verify_receipt import VerifyReceipt
from domain.conversation.errors import TurnNotFoundError
from domain.kernel.identifiers import TenantId
from domain.provenance.receipt import Receipt
from domain.provenance.record import StoredRecord
from entrypoints.grpc.admission import Admission, answering
from entrypoints.grpc.arriving import Call
from entrypoints.grpc.caller import Caller
from entrypoints.grpc.conversation_resources import instant_of, timestamp
from entrypoints.grpc.names import record_name, record_of, turn_name
from entrypoints.grpc.paging import PageTokens
from somagent.provenance.v1 import provenance_pb2 as pb

_EXTERNAL: Final = pb.RECORD_KIND_EXTERNAL


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenanceServicer:
    """`public_keys` are those the server signs with, raw, by their identifiers."""

    admission: Admission
    pages: PageTokens
    record: RecordProvenance
    get: GetRecord
    list: ListRecords
    get_receipt: GetReceipt
    verify: VerifyReceipt
    name_turn: NameTurn
    public_keys: Mapping[str, bytes]

    async def RecordProvenance(
        self, request: pb.RecordProvenanceRequest, call: Call
    ) -> pb.RecordProvenanceResponse:
        async with answering(self.admission, call, request) as caller:
            outcome = pb.Outcome.Name(request.outcome).removeprefix("OUTCOME_").lower()
            stored = await self.record(
                RecordProvenanceCommand(
                    tenant_id=caller.tenant_id,
                    subject=caller.principal.subject,
                    request_id=request.request_id.lower(),
                    action=request.action,
                    resource=request.resource,
                    facts=dict(request.facts),
                    outcome=outcome,
                    started_at=instant_of("start_time", request.start_time),
                    finished_at=instant_of("end_time", request.end_time),
                    reason=request.reason,
                    input=request.input if request.HasField("input") else None,
                    output=request.output if request.HasField("output") else None,
                )
            )
            record = await self._record(caller, stored)
            return pb.RecordProvenanceResponse(record=record, nonce=stored.nonce or b"")

    async def GetRecord(self, request: pb.GetRecordRequest, call: Call) -> pb.GetRecordResponse:
        async with answering(self.admission, call, request) as caller:
            stored = await self.get(GetRecordQuery(caller.tenant_id, record_of(request.name)))
            return pb.GetRecordResponse(record=await self._record(caller, stored))

    async def ListRecords(
        self, request: pb.ListRecordsRequest, call: Call
    ) -> pb.ListRecordsResponse:
        async with answering(self.admission, call, request) as caller:
            page = self.pages.page(
                caller, request, size=request.page_size, token=request.page_token
            )
            found = await self.list(
                ListRecordsQuery(
                    caller.tenant_id,
                    after=int(page.after) if page.after else request.after_position,
                    limit=page.limit,
                )
            )
            shown, token = self.pages.cut(caller, request, page, found, _cursor, _weight)
            return pb.ListRecordsResponse(
                records=[await self._record(caller, one) for one in shown], next_page_token=token
            )

    async def GetReceipt(self, request: pb.GetReceiptRequest, call: Call) -> pb.GetReceiptResponse:
        async with answering(self.admission, call, request) as caller:
            receipt = await self.get_receipt(
                GetReceiptQuery(caller.tenant_id, record_of(request.name))
            )
            return pb.GetReceiptResponse(receipt=self._receipt(caller, receipt))

    async def VerifyReceipt(
        self, request: pb.VerifyReceiptRequest, call: Call
    ) -> pb.VerifyReceiptResponse:
        async with answering(self.admission, call, request):
            receipts = [_receipt_of(one) for one in request.receipts]
            # A thousand signatures take a tenth of a second, which other calls must not wait.
            checked = await asyncio.to_thread(self.verify, receipts)
            return pb.VerifyReceiptResponse(
                valid=checked.valid,
                problems=[
                    pb.ReceiptProblem(
                        kind=pb.ReceiptProblemKind.Value(f"RECEIPT_PROBLEM_KIND_{one.kind.name}"),
                        receipt=one.receipt,
                        message=one.words,
                    )
                    for one in checked.problems
                ],
            )

    async def _record(self, caller: Caller, stored: StoredRecord) -> pb.Record:
        return pb.Record(
            name=record_name(caller.tenant, stored.id),
            position=stored.position,
            kind=_EXTERNAL if stored.turn_id is None else pb.RECORD_KIND_TURN,
            turn=await self._turn(caller, stored),
            body=stored.body,
            sealed=stored.sealed,
            create_time=timestamp(stored.created_at),
        )

    async def _turn(self, caller: Caller, stored: StoredRecord) -> str:
        """The turn's name; empty where there is none, or retention has dropped it."""
        if stored.turn_id is None:
            return ""
        try:
            session_id = await self.name_turn(
                NameTurnQuery(tenant_id=caller.tenant_id, turn_id=stored.turn_id)
            )
        except TurnNotFoundError:
            return ""
        return turn_name(caller.tenant, session_id, stored.turn_id)

    def _receipt(self, caller: Caller, receipt: Receipt) -> pb.Receipt:
        return pb.Receipt(
            name=record_name(caller.tenant, receipt.record_id),
            tenant_uid=str(receipt.tenant_id),
            body=receipt.body,
            position=receipt.position,
            previous_hash=receipt.previous_hash,
            record_hash=receipt.hash,
            key_id=receipt.key_id,
            algorithm=receipt.algorithm,
            signature=receipt.signature,
            public_key=self.public_keys.get(receipt.key_id, b""),
        )


def _receipt_of(form: pb.Receipt) -> Receipt:
    return Receipt(
        tenant_id=TenantId(UUID(form.tenant_uid)),
        record_id=record_of(form.name),
        position=form.position,
        previous_hash=form.previous_hash,
        hash=form.record_hash,
        key_id=form.key_id,
        algorithm=form.algorithm,
        signature=form.signature,
        body=form.body,
    )


def _cursor(record: StoredRecord) -> str:
    return str(record.position)


def _weight(record: StoredRecord) -> int:
    return len(record.body)
