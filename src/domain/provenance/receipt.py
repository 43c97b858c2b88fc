"""A receipt: a sealed record as it is handed out."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from domain.kernel.identifiers import RecordId, TenantId
from domain.provenance.chain import MAX_POSITION

RECEIPT_FORMAT: Final = "somagent.receipt.v1"

HASH_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

UUID_FORM: Final = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
KEY_ID_FORM: Final = "[A-Za-z0-9._:/-]{1,128}"
ALGORITHM_FORM: Final = "[a-z0-9-]{1,32}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Everything that a check needs beside the public key.

    `body` is the record's canonical JSON as it was hashed; `previous_hash` and `hash` are 32 bytes,
    the signature of Ed25519 64.
    """

    tenant_id: TenantId
    record_id: RecordId
    position: int
    previous_hash: bytes
    hash: bytes
    key_id: str
    algorithm: str
    signature: bytes
    body: bytes


def unreadable(receipt: Receipt) -> str:
    """Why a receipt has not the form of one; empty when it has."""
    if not 1 <= receipt.position <= MAX_POSITION:
        return f"position: is not from 1 to {MAX_POSITION}"
    for name, part, length in (
        ("previous_hash", receipt.previous_hash, HASH_BYTES),
        ("hash", receipt.hash, HASH_BYTES),
        ("signature", receipt.signature, SIGNATURE_BYTES),
    ):
        if len(part) != length:
            return f"{name}: is not {length} bytes"
    if not has_form(receipt.key_id, KEY_ID_FORM):
        return f"key_id: is not of the form {KEY_ID_FORM}"
    if not has_form(receipt.algorithm, ALGORITHM_FORM):
        return f"algorithm: is not of the form {ALGORITHM_FORM}"
    return ""


def names_once_each(file: bytes, fields: Collection[str], receipts: int) -> bool:
    """Whether a JSON file of so many receipts writes each field's name plainly, once for each.

    Readers of JSON take the first or the last of two fields of one name: a person could be shown
    another record than was checked. A quote inside a text is always escaped, so it counts nothing.
    """
    return all(len(re.findall(rb'"%s"\s*:' % field.encode(), file)) == receipts for field in fields)


def has_form(text: str, form: str) -> bool:
    """Whether the whole text is of a form: one text for one value, so that no byte can change."""
    return re.fullmatch(form, text, re.ASCII) is not None


def bytes_of(text: str, length: int) -> bytes | None:
    """So many bytes from lower-case hexadecimal; None when the text is anything else."""
    if not has_form(text, f"[0-9a-f]{{{2 * length}}}"):
        return None
    return bytes.fromhex(text)
