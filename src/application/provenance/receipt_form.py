"""The JSON of a receipt file (contracts/receipts.md): written, and read with suspicion."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from application.kernel.ports import Json
from domain.kernel.identifiers import RecordId, TenantId
from domain.provenance.chain import MAX_POSITION
from domain.provenance.receipt import (
    ALGORITHM_FORM,
    HASH_BYTES,
    KEY_ID_FORM,
    RECEIPT_FORMAT,
    SIGNATURE_BYTES,
    UUID_FORM,
    Receipt,
    bytes_of,
    has_form,
)
from domain.provenance.verification import Claims, Problem, ProblemKind

RECEIPT_FIELDS: Final = frozenset(
    {
        "format",
        "tenant",
        "record_id",
        "position",
        "previous_hash",
        "hash",
        "key_id",
        "algorithm",
        "signature",
        "record",
    }
)


class _MalformedError(Exception):
    """Says in words which field is not as it must be."""


def receipt_form(receipt: Receipt) -> Json:
    """A receipt as it is handed out.

    `record` is the text of the canonical JSON, not the object: so it is what was hashed, byte for
    byte, however the file around it is laid out.
    """
    return {
        "format": RECEIPT_FORMAT,
        "tenant": str(receipt.tenant_id),
        "record_id": str(receipt.record_id),
        "position": receipt.position,
        "previous_hash": receipt.previous_hash.hex(),
        "hash": receipt.hash.hex(),
        "key_id": receipt.key_id,
        "algorithm": receipt.algorithm,
        "signature": receipt.signature.hex(),
        "record": receipt.body.decode(),
    }


def receipt_of(form: Json, number: int) -> Receipt | Problem:
    """Read a receipt; what is wrong with it when it is none. `number` is its place, from 1."""
    try:
        return _receipt(form)
    except _MalformedError as malformed:
        words = f"receipt {number} is not one: {malformed}"
        return Problem(ProblemKind.NOT_A_RECEIPT, number, words)


def claims_of(form: Json) -> Claims | None:
    """What a record says of itself; None when it is no object."""
    if not isinstance(form, Mapping):
        return None
    return Claims(
        schema=_text_or_nothing(form.get("schema")),
        tenant=_text_or_nothing(form.get("tenant")),
        record=_text_or_nothing(form.get("id")),
    )


def _receipt(form: Json) -> Receipt:
    if not isinstance(form, Mapping):
        raise _MalformedError("it is not a JSON object")
    if unknown := sorted(set(form) - RECEIPT_FIELDS):
        raise _MalformedError(f"it has the unknown field {unknown[0]!r}")
    if missing := sorted(RECEIPT_FIELDS - set(form)):
        raise _MalformedError(f"it has no field {missing[0]!r}")
    if form["format"] != RECEIPT_FORMAT:
        raise _MalformedError(f"format: is not {RECEIPT_FORMAT!r}")
    return Receipt(
        tenant_id=TenantId(UUID(_matching(form, "tenant", UUID_FORM))),
        record_id=RecordId(UUID(_matching(form, "record_id", UUID_FORM))),
        position=_position(form["position"]),
        previous_hash=_bytes(form, "previous_hash", HASH_BYTES),
        hash=_bytes(form, "hash", HASH_BYTES),
        key_id=_matching(form, "key_id", KEY_ID_FORM),
        algorithm=_matching(form, "algorithm", ALGORITHM_FORM),
        signature=_bytes(form, "signature", SIGNATURE_BYTES),
        body=_utf8(form, "record"),
    )


def _text(form: Mapping[str, Json], field: str) -> str:
    value = form[field]
    if not isinstance(value, str):
        raise _MalformedError(f"{field}: is not a text")
    return value


def _matching(form: Mapping[str, Json], field: str, pattern: str) -> str:
    value = _text(form, field)
    if not has_form(value, pattern):
        raise _MalformedError(f"{field}: is not of the form {pattern}")
    return value


def _bytes(form: Mapping[str, Json], field: str, length: int) -> bytes:
    value = bytes_of(_text(form, field), length)
    if value is None:
        raise _MalformedError(f"{field}: is not {length} bytes in lower-case hexadecimal")
    return value


def _utf8(form: Mapping[str, Json], field: str) -> bytes:
    try:
        return _text(form, field).encode()
    except UnicodeEncodeError as surrogate:
        raise _MalformedError(f"{field}: holds half a surrogate pair") from surrogate


def _position(value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_POSITION:
        raise _MalformedError(f"position: is not a whole number from 1 to {MAX_POSITION}")
    return value


def _text_or_nothing(value: Json) -> str:
    return value if isinstance(value, str) else ""
