"""Receipts in the forms in which they are handed out."""

import orjson
import pytest
from google.protobuf.json_format import MessageToDict

from domain.provenance.receipt import Receipt
from domain.provenance.verification import ProblemKind
from entrypoints.cli.receipt_file import file_of, normalized, receipt_of
from somagent.provenance.v1 import provenance_pb2
from tests.receipts import receipt_file, sealed_chain, verify


def message_of(receipt: Receipt) -> provenance_pb2.Receipt:
    return provenance_pb2.Receipt(
        name=f"tenants/demo/records/{receipt.record_id}",
        tenant_uid=str(receipt.tenant_id),
        body=receipt.body,
        position=receipt.position,
        previous_hash=receipt.previous_hash,
        record_hash=receipt.hash,
        key_id=receipt.key_id,
        algorithm=receipt.algorithm,
        signature=receipt.signature,
        public_key=bytes(32),
    )


def printed(receipt: Receipt, *, snake: bool = False) -> bytes:
    """What grpcurl prints for GetReceipt."""
    form = MessageToDict(message_of(receipt), preserving_proto_field_name=snake)
    return orjson.dumps({"receipt": form}, option=orjson.OPT_INDENT_2)


async def test_a_receipt_of_the_api_is_the_receipt() -> None:
    [receipt] = await sealed_chain(1)

    assert receipt_of(message_of(receipt)) == receipt


async def test_the_file_of_a_fetched_receipt_holds() -> None:
    [receipt] = await sealed_chain(1)

    assert verify.of_file(normalized(file_of(message_of(receipt)))).valid


@pytest.mark.parametrize("snake", [False, True])
async def test_what_grpcurl_prints_holds(*, snake: bool) -> None:
    [receipt] = await sealed_chain(1)

    assert verify.of_file(normalized(printed(receipt, snake=snake))).valid


async def test_answers_one_after_another_are_a_range() -> None:
    chain = await sealed_chain(3)

    found = verify.of_file(normalized(b"\n".join(printed(receipt) for receipt in chain)))

    assert found.valid
    assert [one.position for one in found.receipts] == [1, 2, 3]


async def test_a_gap_between_answers_is_found() -> None:
    first, _, third = await sealed_chain(3)

    found = verify.of_file(normalized(printed(first) + printed(third)))

    assert [problem.kind for problem in found.problems] == [ProblemKind.MISSING]


async def test_the_services_own_form_is_left_byte_for_byte() -> None:
    content = receipt_file(*await sealed_chain(2))

    assert normalized(content) == content


async def test_a_changed_byte_is_found_in_either_form() -> None:
    [receipt] = await sealed_chain(1)
    message = message_of(receipt)
    message.body = message.body.replace(b"invoices/1", b"invoices/9")
    form = orjson.dumps({"receipt": MessageToDict(message)})

    kinds = [problem.kind for problem in verify.of_file(normalized(form)).problems]

    assert ProblemKind.ALTERED in kinds


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"{}",
        b'{"receipt":{"recordHash":"%%%"}}',
        b'{"receipt":{"recordHash":"","unknown":1}}',
        b'{"receipt":{"recordHash":"AA==","body":"/w==","tenantUid":"x","name":"y"}}',
        b"[[[[",
    ],
)
def test_what_is_no_receipt_is_left_for_the_check_to_refuse(content: bytes) -> None:
    assert normalized(content) == content
    assert not verify.of_file(content).valid
