"""Receipts as files: the service's own form, and the JSON that clients of the API print."""

import json
from collections.abc import Iterator
from typing import Final, cast
from uuid import UUID

import orjson
from google.protobuf.json_format import ParseDict, ParseError

from application.kernel.ports import Json
from application.provenance.receipt_form import receipt_form
from domain.kernel.identifiers import RecordId, TenantId
from domain.provenance.receipt import Receipt
from entrypoints.cli.figures import last_part
from somagent.provenance.v1 import provenance_pb2

_OF_THE_API: Final = frozenset({"recordHash", "record_hash"})
"""A field that only the API's JSON has."""


def receipt_of(message: provenance_pb2.Receipt) -> Receipt:
    """The receipt in a message of the API.

    Raises:
        ValueError: One of its identifiers is no UUID.
    """
    return Receipt(
        tenant_id=TenantId(UUID(message.tenant_uid)),
        record_id=RecordId(UUID(last_part(message.name))),
        position=message.position,
        previous_hash=message.previous_hash,
        hash=message.record_hash,
        key_id=message.key_id,
        algorithm=message.algorithm,
        signature=message.signature,
        body=message.body,
    )


def file_of(message: provenance_pb2.Receipt) -> bytes:
    """The file of one receipt.

    Raises:
        ValueError: The message is no whole receipt.
    """
    form = receipt_form(receipt_of(message))
    return orjson.dumps(form, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def normalized(content: bytes) -> bytes:
    """The content with receipts of the API's JSON in the service's own form.

    grpcurl prints `{"receipt": {…}}`, one object after another; a file of them is a range. What is
    of neither form stays as it is: the check says what is wrong with it.
    """
    try:
        values = list(_values(content.decode()))
    except ValueError:
        return content
    receipts = [receipt for value in values for receipt in _receipts(value)]
    if not any(_is_of_the_api(receipt) for receipt in receipts):
        return content
    try:
        forms = [_form(receipt) if _is_of_the_api(receipt) else receipt for receipt in receipts]
        return orjson.dumps(forms if len(forms) > 1 else forms[0])
    except (ParseError, ValueError):
        return content


def _values(text: str) -> Iterator[Json]:
    """JSON values that stand one after another."""
    decoder, position = json.JSONDecoder(), 0
    while text[position:].strip():
        position += len(text[position:]) - len(text[position:].lstrip())
        value, position = decoder.raw_decode(text, position)
        yield cast("Json", value)


def _receipts(value: Json) -> Iterator[Json]:
    if isinstance(value, list):
        for one in value:
            yield from _receipts(one)
    elif isinstance(value, dict) and isinstance(value.get("receipt"), dict):
        yield value["receipt"]
    elif isinstance(value, dict) and isinstance(value.get("receipts"), list):
        yield from _receipts(value["receipts"])
    else:
        yield value


def _is_of_the_api(receipt: Json) -> bool:
    return isinstance(receipt, dict) and not _OF_THE_API.isdisjoint(receipt)


def _form(receipt: Json) -> Json:
    message = ParseDict(cast("dict[str, object]", receipt), provenance_pb2.Receipt())
    return receipt_form(receipt_of(message))
