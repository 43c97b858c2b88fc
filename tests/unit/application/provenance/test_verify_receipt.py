"""Attacks on receipts: whatever is changed is found, and said in words."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.signing.ed25519 import Ed25519Keys
from application.provenance.verify_receipt import Verification, VerifyReceipt
from domain.provenance.chain import GENESIS, link_hash, signed_bytes
from domain.provenance.errors import ReceiptInvalidError
from domain.provenance.receipt import Receipt
from domain.provenance.verification import ProblemKind
from tests.builders import OTHER_TENANT, TENANT
from tests.receipts import JSON, SIGNER, STRANGER, body, receipt_file, sealed_chain, verify


def kinds(verification: Verification) -> list[ProblemKind]:
    return [problem.kind for problem in verification.problems]


async def resealed(receipt: Receipt) -> Receipt:
    """What the holder of the key could make of a changed receipt."""
    link = link_hash(receipt.tenant_id, receipt.position, receipt.previous_hash, receipt.body)
    return replace(receipt, hash=link, signature=await SIGNER.sign(signed_bytes(link)))


async def test_a_receipt_holds() -> None:
    (receipt,) = await sealed_chain(1)

    assert verify.of_file(receipt_file(receipt)).valid


async def test_a_range_holds_from_anywhere_in_its_chain() -> None:
    chain = await sealed_chain(6)

    assert verify.of_file(receipt_file(*chain[2:])).valid


async def test_a_file_may_be_laid_out_for_people() -> None:
    (receipt,) = await sealed_chain(1)
    pretty = receipt_file(receipt).replace(b'":"', b'" : "').replace(b'","', b'",\n  "')

    assert verify.of_file(b"\n[ " + pretty + b" ]\n").valid


@given(data=st.data())
async def test_no_byte_of_a_receipt_can_be_changed(data: st.DataObject) -> None:
    file = receipt_file(*await sealed_chain(1))
    place = data.draw(st.integers(0, len(file) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != file[place]))

    forged = file[:place] + bytes([other]) + file[place + 1 :]

    assert not verify.of_file(forged).valid


async def test_no_bit_of_a_range_can_be_flipped() -> None:
    file = receipt_file(*await sealed_chain(2))

    unfound = [
        (place, bit)
        for place in range(len(file))
        for bit in (0, 5)
        if verify.of_file(file[:place] + bytes([file[place] ^ 1 << bit]) + file[place + 1 :]).valid
    ]

    assert unfound == []


@given(data=st.data())
async def test_a_truncated_file_is_refused(data: st.DataObject) -> None:
    file = receipt_file(*await sealed_chain(2))
    end = data.draw(st.integers(0, len(file) - 1))

    assert kinds(verify.of_file(file[:end])) == [ProblemKind.NOT_JSON]


@given(st.binary(max_size=200))
async def test_any_bytes_get_an_answer(file: bytes) -> None:
    assert not verify.of_file(file).valid


@pytest.mark.parametrize(
    "file", [b"[" * 100_000, b'{"a":' * 100_000, b"[]", b"null", b"1", b'""', b"{}", b"[[]]"]
)
def test_other_json_is_no_receipt(file: bytes) -> None:
    assert not verify.of_file(file).valid


async def test_an_altered_record_is_named() -> None:
    first, second = await sealed_chain(2)
    forged = replace(second, body=second.body.replace(b"invoices/2", b"invoices/9"))

    verification = verify((first, forged))

    assert kinds(verification) == [ProblemKind.ALTERED]
    assert "receipt 2 (position 2)" in verification.problems[0].words


async def test_an_altered_record_with_a_fitting_hash_has_a_wrong_signature() -> None:
    (receipt,) = await sealed_chain(1)
    forged = await resealed(replace(receipt, body=body(9)))

    found = verify((replace(forged, record_id=receipt.record_id, signature=receipt.signature),))

    assert ProblemKind.WRONG_SIGNATURE in kinds(found)


async def test_another_key_is_unknown() -> None:
    chain = await sealed_chain(1, signer=STRANGER)

    assert kinds(verify(chain)) == [ProblemKind.UNKNOWN_KEY]


async def test_another_key_under_the_name_of_a_known_one_is_a_wrong_signature() -> None:
    (receipt,) = await sealed_chain(1, signer=STRANGER)

    assert kinds(verify((replace(receipt, key_id=SIGNER.key_id),))) == [ProblemKind.WRONG_SIGNATURE]


async def test_another_algorithm_is_unknown() -> None:
    (receipt,) = await sealed_chain(1)

    assert kinds(verify((replace(receipt, algorithm="none"),))) == [ProblemKind.UNKNOWN_ALGORITHM]


async def test_a_missing_record_is_named() -> None:
    first, _, third = await sealed_chain(3)

    verification = verify((first, third))

    assert kinds(verification) == [ProblemKind.MISSING]
    assert verification.problems[0].words == "position 2 is missing before receipt 2"


async def test_missing_records_are_named_as_a_range() -> None:
    chain = await sealed_chain(6)

    verification = verify((chain[0], chain[5]))

    assert verification.problems[0].words == "positions 2 to 5 are missing before receipt 2"


async def test_a_duplicated_record_is_named() -> None:
    first, second, third = await sealed_chain(3)

    verification = verify((first, second, second, third))

    assert kinds(verification) == [ProblemKind.DUPLICATED]
    assert verification.problems[0].receipt == 3


async def test_reordered_records_are_named() -> None:
    first, second, third = await sealed_chain(3)

    verification = verify((first, third, second))

    assert kinds(verification) == [ProblemKind.REORDERED]
    assert verification.problems[0].words == "receipt 3: position 2 stands after 3"


async def test_two_records_signed_for_one_position_are_a_fork() -> None:
    first, second = await sealed_chain(2)
    other = await resealed(replace(second, body=second.body.replace(b"invoices/2", b"invoices/9")))

    assert kinds(verify((first, second, other))) == [ProblemKind.FORKED]


async def test_a_record_signed_onto_another_chain_is_a_broken_link() -> None:
    first, second = await sealed_chain(2)
    other = await resealed(replace(second, previous_hash=b"\x07" * 32))

    assert kinds(verify((first, other))) == [ProblemKind.BROKEN_LINK]


async def test_the_first_record_follows_nothing() -> None:
    (receipt,) = await sealed_chain(1)
    other = await resealed(replace(receipt, previous_hash=b"\x07" * 32))

    assert receipt.previous_hash == GENESIS
    assert kinds(verify((other,))) == [ProblemKind.BROKEN_LINK]


async def test_receipts_of_two_tenants_are_no_range() -> None:
    mine, theirs = await sealed_chain(1), await sealed_chain(1, tenant_id=OTHER_TENANT)

    assert kinds(verify((*mine, *theirs))) == [ProblemKind.SEVERAL_TENANTS]


async def test_a_record_of_another_tenant_is_mislabelled() -> None:
    (receipt,) = await sealed_chain(1, tenant_id=OTHER_TENANT)
    other = await resealed(replace(receipt, tenant_id=TENANT))

    assert kinds(verify((other,))) == [ProblemKind.MISLABELLED]


@pytest.mark.parametrize(
    "forged",
    [
        b'{"schema": "x"}',
        b'{"a":1,"a":2}',
        b"[]",
        b"not json",
        b"\xff",
        b'{"b":1,"a":2}',
        b'{"a":1.0}',
        b"[" * 5000,
    ],
)
async def test_a_record_that_is_not_canonical_is_named(forged: bytes) -> None:
    (receipt,) = await sealed_chain(1, bodies=[forged])

    assert ProblemKind.NOT_CANONICAL in kinds(verify((receipt,)))


async def test_an_unknown_schema_is_named() -> None:
    forged = body(1).replace(b"somagent.record.v1", b"somagent.record.v9")
    (receipt,) = await sealed_chain(1, bodies=[forged])

    assert kinds(verify((receipt,))) == [ProblemKind.UNKNOWN_SCHEMA]


async def test_a_file_with_two_records_in_one_receipt_is_refused() -> None:
    (receipt,) = await sealed_chain(1)
    file = receipt_file(receipt)
    shown = b'{"record":"what a person is shown",' + file[1:]

    assert kinds(verify.of_file(shown)) == [ProblemKind.NOT_A_RECEIPT]


async def test_a_field_more_or_less_is_refused() -> None:
    (receipt,) = await sealed_chain(1)
    file = receipt_file(receipt)

    more = verify.of_file(b'{"extra":1,' + file[1:])
    less = verify.of_file(file.replace(b'"position":1,', b""))

    assert "unknown field 'extra'" in more.problems[0].words
    assert "no field 'position'" in less.problems[0].words


async def test_a_hash_has_one_way_to_be_written() -> None:
    (receipt,) = await sealed_chain(1)
    file = receipt_file(receipt).replace(
        receipt.hash.hex().encode(), receipt.hash.hex().upper().encode()
    )

    assert kinds(verify.of_file(file)) == [ProblemKind.NOT_A_RECEIPT]


async def test_what_has_not_the_form_of_a_receipt_is_refused() -> None:
    (receipt,) = await sealed_chain(1)

    for broken in (
        replace(receipt, position=0),
        replace(receipt, hash=b""),
        replace(receipt, signature=b"\x00" * 63),
        replace(receipt, key_id="a key"),
        replace(receipt, algorithm="Ed25519"),
    ):
        with pytest.raises(ReceiptInvalidError):
            verify((broken,))


async def test_without_any_key_nothing_is_valid() -> None:
    offline = VerifyReceipt(json=JSON, verifier=Ed25519Keys([]))

    assert kinds(offline(await sealed_chain(1))) == [ProblemKind.UNKNOWN_KEY]


def test_no_receipts_are_no_proof() -> None:
    assert kinds(verify(())) == [ProblemKind.EMPTY]
