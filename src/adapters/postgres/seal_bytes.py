"""A seal as one column: previous hash (32), hash (32), signature (64), `algorithm:key id`."""

from typing import Final

from domain.kernel.identifiers import RecordId
from domain.provenance.chain import Seal
from domain.provenance.receipt import HASH_BYTES, SIGNATURE_BYTES

_HASHES: Final = 2 * HASH_BYTES
_FIXED: Final = _HASHES + SIGNATURE_BYTES


def packed_seal(seal: Seal) -> bytes:
    named = f"{seal.algorithm}:{seal.key_id}".encode("ascii")
    return seal.previous_hash + seal.hash + seal.signature + named


def unpacked_seal(record_id: RecordId, position: int, column: bytes) -> Seal:
    algorithm, _, key_id = column[_FIXED:].decode("ascii").partition(":")
    return Seal(
        record_id=record_id,
        position=position,
        previous_hash=column[:HASH_BYTES],
        hash=column[HASH_BYTES:_HASHES],
        key_id=key_id,
        algorithm=algorithm,
        signature=column[_HASHES:_FIXED],
    )
