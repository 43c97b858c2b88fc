"""somagent.provenance.v1, from outside."""

from uuid import UUID

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from domain.kernel.identifiers import RecordId, TenantId
from domain.provenance.receipt import Receipt
from entrypoints.assembly.offline import verify_receipts
from somagent.conversation.v1 import conversation_pb2, conversation_pb2_grpc
from somagent.provenance.v1 import provenance_pb2 as pb
from somagent.provenance.v1 import provenance_pb2_grpc as rpc
from tests.e2e.refused import reason_of
from tests.e2e.stage import Metadata, Stage, fresh_id
from tests.system.client import Client


def request_of(slug: str, action: str = "invoice.approved") -> pb.RecordProvenanceRequest:
    return pb.RecordProvenanceRequest(
        parent=f"tenants/{slug}",
        action=action,
        resource="invoices/7",
        facts={"amount": "12"},
        outcome=pb.OUTCOME_COMPLETED,
        start_time=Timestamp(seconds=1_770_000_000),
        end_time=Timestamp(seconds=1_770_000_001),
        input=b"what went in",
        request_id=fresh_id(),
    )


async def recorded(stage: Stage, slug: str, caller: Metadata, *actions: str) -> list[pb.Record]:
    stub = rpc.ProvenanceServiceStub(stage.channel)
    return [
        (await stub.RecordProvenance(request_of(slug, action), metadata=caller.pairs)).record
        for action in actions
    ]


async def receipts_of(stage: Stage, caller: Metadata, records: list[pb.Record]) -> list[pb.Receipt]:
    client = Client(stage.channel, key=caller.key)
    return [
        (await client.ask(pb.GetReceiptRequest(name=one.name), pb.GetReceiptResponse)).receipt
        for one in records
    ]


def domain_form(receipt: pb.Receipt) -> Receipt:
    return Receipt(
        tenant_id=TenantId(UUID(receipt.tenant_uid)),
        record_id=RecordId(UUID(receipt.name.rpartition("/")[2])),
        position=receipt.position,
        previous_hash=receipt.previous_hash,
        hash=receipt.record_hash,
        key_id=receipt.key_id,
        algorithm=receipt.algorithm,
        signature=receipt.signature,
        body=receipt.body,
    )


async def test_a_record_takes_the_next_place_once(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    stub = rpc.ProvenanceServiceStub(stage.channel)
    request = request_of(slug)

    first = await stub.RecordProvenance(request, metadata=ada.pairs)
    again = await stub.RecordProvenance(request, metadata=ada.pairs)
    read = await stub.GetRecord(pb.GetRecordRequest(name=first.record.name), metadata=ada.pairs)

    assert (first.record.position, first.record.kind) == (1, pb.RECORD_KIND_EXTERNAL)
    assert (again.record.name, again.nonce) == (first.record.name, first.nonce)
    assert len(first.nonce) == 16
    assert read.record.body == first.record.body
    body = orjson.loads(first.record.body)
    assert body["external"]["action"] == "invoice.approved"
    assert b"what went in" not in first.record.body
    request.action = "invoice.refused"
    refused = await reason_of(stub.RecordProvenance(request, metadata=ada.pairs))
    assert refused == "IDEMPOTENCY_KEY_REUSED"


async def test_receipts_hold_here_and_with_nothing_but_the_public_key(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    records = await recorded(stage, slug, ada, "one.done", "two.done", "three.done")
    receipts = await receipts_of(stage, ada, records)

    checked = await rpc.ProvenanceServiceStub(stage.channel).VerifyReceipt(
        pb.VerifyReceiptRequest(receipts=receipts), metadata=ada.pairs
    )
    offline = verify_receipts([receipts[0].public_key])([domain_form(one) for one in receipts])

    assert (checked.valid, list(checked.problems)) == (True, [])
    assert [one.position for one in receipts] == [1, 2, 3]
    assert receipts[1].previous_hash == receipts[0].record_hash
    assert offline.valid


async def test_what_is_wrong_with_a_receipt_is_an_answer(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    receipts = await receipts_of(stage, ada, await recorded(stage, slug, ada, "a.b", "c.d"))
    receipts[1].body = receipts[1].body.replace(b"c.d", b"c.e")

    checked = await rpc.ProvenanceServiceStub(stage.channel).VerifyReceipt(
        pb.VerifyReceiptRequest(receipts=receipts), metadata=ada.pairs
    )

    assert not checked.valid
    assert {(one.receipt, one.kind) for one in checked.problems} == {
        (2, pb.RECEIPT_PROBLEM_KIND_ALTERED)
    }


async def test_records_are_listed_by_their_place_page_by_page(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    await recorded(stage, slug, ada, "a.b", "c.d", "e.f")
    stub = rpc.ProvenanceServiceStub(stage.channel)
    request = pb.ListRecordsRequest(parent=f"tenants/{slug}", page_size=1, after_position=1)

    first = await stub.ListRecords(request, metadata=ada.pairs)
    request.page_token = first.next_page_token
    second = await stub.ListRecords(request, metadata=ada.pairs)

    assert [one.position for one in (*first.records, *second.records)] == [2, 3]
    assert second.next_page_token == ""


async def test_a_record_of_another_tenant_is_not_there(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    _, eve = await stage.tenant()
    (record,) = await recorded(stage, slug, ada, "a.b")
    stub = rpc.ProvenanceServiceStub(stage.channel)

    for refused in (
        stub.GetRecord(pb.GetRecordRequest(name=record.name), metadata=eve.pairs),
        stub.GetReceipt(pb.GetReceiptRequest(name=record.name), metadata=eve.pairs),
    ):
        assert await reason_of(refused) == "RECORD_NOT_FOUND"


async def test_personal_data_has_no_place_in_a_record(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    request = request_of(slug)
    request.facts["who"] = "ada@example.org"

    refused = await reason_of(
        rpc.ProvenanceServiceStub(stage.channel).RecordProvenance(request, metadata=ada.pairs)
    )

    assert refused == "INVALID_ARGUMENT"


async def test_the_record_of_a_turn_names_it(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    capsule = await stage.capsule(slug, ada)
    conversation = conversation_pb2_grpc.ConversationServiceStub(stage.channel)
    opened = await conversation.CreateSession(
        conversation_pb2.CreateSessionRequest(
            parent=f"tenants/{slug}",
            session=conversation_pb2.Session(capsule=capsule),
            request_id=fresh_id(),
        ),
        metadata=ada.pairs,
    )
    events = [
        answer.event
        async for answer in conversation.ProcessMessage(
            conversation_pb2.ProcessMessageRequest(
                session=opened.session.name, text="Good day.", request_id=fresh_id()
            ),
            metadata=ada.pairs,
        )
    ]
    name = events[-1].completed.record

    read = await rpc.ProvenanceServiceStub(stage.channel).GetRecord(
        pb.GetRecordRequest(name=name), metadata=ada.pairs
    )
    (receipt,) = await receipts_of(stage, ada, [read.record])

    assert read.record.kind == pb.RECORD_KIND_TURN
    assert read.record.turn == events[0].accepted.turn
    assert orjson.loads(receipt.body)["outcome"] == "completed"
    assert b"Good day." not in receipt.body
