"""A receipt: a sealed record as it is handed out."""

import re
from dataclasses import dataclass
from typing import Final

from domain.kernel.identifiers import RecordId, TenantId

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


def has_form(text: str, form: str) -> bool:
    """Whether the whole text is of a form: one text for one value, so that no byte can change."""
    return re.fullmatch(form, text, re.ASCII) is not None


def bytes_of(text: str, length: int) -> bytes | None:
    """So many bytes from lower-case hexadecimal; None when the text is anything else."""
    if not has_form(text, f"[0-9a-f]{{{2 * length}}}"):
        return None
    return bytes.fromhex(text)
