"""What is wrong with a receipt, or with a range of them, in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from domain.kernel.identifiers import TenantId
from domain.provenance.chain import ALGORITHM, GENESIS, link_hash
from domain.provenance.receipt import Receipt
from domain.provenance.record import RECORD_SCHEMA


class ProblemKind(StrEnum):
    """The names are on the wire and in the output of the command line: they never change."""

    NOT_JSON = "not_json"
    NOT_A_RECEIPT = "not_a_receipt"
    EMPTY = "empty"
    ALTERED = "altered"
    WRONG_SIGNATURE = "wrong_signature"
    UNKNOWN_KEY = "unknown_key"
    UNKNOWN_ALGORITHM = "unknown_algorithm"
    NOT_CANONICAL = "not_canonical"
    UNKNOWN_SCHEMA = "unknown_schema"
    MISLABELLED = "mislabelled"
    SEVERAL_TENANTS = "several_tenants"
    MISSING = "missing"
    DUPLICATED = "duplicated"
    FORKED = "forked"
    REORDERED = "reordered"
    BROKEN_LINK = "broken_link"


@dataclass(frozen=True, slots=True)
class Problem:
    """`receipt` is its number in what was checked, from 1; 0 when the problem is of the whole."""

    kind: ProblemKind
    receipt: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a record says of itself; empty texts where it says nothing."""

    schema: str
    tenant: str
    record: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A receipt with what only the outside can tell of it.

    `claims` is None when the record is not a JSON object. `genuine` is whether the key it names
    made its signature, None when that key is not known.
    """

    receipt: Receipt
    claims: Claims | None
    canonical: bool
    genuine: bool | None


def problems_of(examined: Sequence[Examined]) -> tuple[Problem, ...]:
    """Everything that is wrong with one receipt, or with receipts meant as a range of one chain."""
    if not examined:
        return (Problem(ProblemKind.EMPTY, 0, "there is no receipt to check"),)
    found = [
        problem for number, one in enumerate(examined, 1) for problem in _of_receipt(number, one)
    ]
    tenants = list(dict.fromkeys(one.receipt.tenant_id for one in examined))
    if len(tenants) > 1:
        words = f"the receipts are of {len(tenants)} tenants; a range is of one"
        found.append(Problem(ProblemKind.SEVERAL_TENANTS, 0, words))
    for tenant in tenants:
        found.extend(_of_range(tenant, examined))
    return tuple(found)


def _of_receipt(number: int, examined: Examined) -> Iterator[Problem]:
    receipt = examined.receipt
    name = f"receipt {number} (position {receipt.position})"
    yield from _of_record(number, name, examined)
    link = link_hash(receipt.tenant_id, receipt.position, receipt.previous_hash, receipt.body)
    if link != receipt.hash:
        words = (
            f"{name}: the record, its position or its link was altered: "
            f"its hash is {link.hex()}, the receipt says {receipt.hash.hex()}"
        )
        yield Problem(ProblemKind.ALTERED, number, words)
    if receipt.position == 1 and receipt.previous_hash != GENESIS:
        words = f"{name}: the first record of a chain must have a previous hash of zeros"
        yield Problem(ProblemKind.BROKEN_LINK, number, words)
    if receipt.algorithm != ALGORITHM:
        words = f"{name}: signed by {receipt.algorithm}, which is not known here; {ALGORITHM} is"
        yield Problem(ProblemKind.UNKNOWN_ALGORITHM, number, words)
    elif examined.genuine is None:
        words = f"{name}: the public key {receipt.key_id} is not among those that were given"
        yield Problem(ProblemKind.UNKNOWN_KEY, number, words)
    elif not examined.genuine:
        words = (
            f"{name}: the signature is not one of key {receipt.key_id} over this hash: "
            "the hash or the signature was altered, or it is another key"
        )
        yield Problem(ProblemKind.WRONG_SIGNATURE, number, words)


def _of_record(number: int, name: str, examined: Examined) -> Iterator[Problem]:
    receipt, claims = examined.receipt, examined.claims
    if claims is None:
        words = f"{name}: the record is not a JSON object"
        yield Problem(ProblemKind.NOT_CANONICAL, number, words)
        return
    if not examined.canonical:
        words = f"{name}: the record is JSON, but not in its RFC 8785 form"
        yield Problem(ProblemKind.NOT_CANONICAL, number, words)
    if claims.schema != RECORD_SCHEMA:
        words = (
            f"{name}: the record's schema is {claims.schema or 'not named'}, not {RECORD_SCHEMA}"
        )
        yield Problem(ProblemKind.UNKNOWN_SCHEMA, number, words)
    for label, said, meant in (
        ("tenant", claims.tenant, str(receipt.tenant_id)),
        ("record", claims.record, str(receipt.record_id)),
    ):
        if said != meant:
            words = (
                f"{name}: the receipt is for {label} {meant}, its record says {said or 'nothing'}"
            )
            yield Problem(ProblemKind.MISLABELLED, number, words)


def _of_range(tenant: TenantId, examined: Sequence[Examined]) -> Iterator[Problem]:
    """Repetitions and order as they stand in the file, then gaps and links by position."""
    first: dict[int, tuple[int, Receipt]] = {}
    highest = 0
    for number, one in enumerate(examined, 1):
        receipt = one.receipt
        if receipt.tenant_id != tenant:
            continue
        if receipt.position in first:
            yield _repetition(number, receipt, *first[receipt.position])
            continue
        first[receipt.position] = (number, receipt)
        if receipt.position < highest:
            words = f"receipt {number}: position {receipt.position} stands after {highest}"
            yield Problem(ProblemKind.REORDERED, number, words)
        highest = max(highest, receipt.position)
    ordered = [first[position] for position in sorted(first)]
    for (_, earlier), (number, later) in pairwise(ordered):
        if later.position > earlier.position + 1:
            yield _gap(number, earlier.position + 1, later.position - 1)
        elif later.previous_hash != earlier.hash:
            words = (
                f"receipt {number} (position {later.position}) does not follow from "
                f"position {earlier.position}: its previous hash is another"
            )
            yield Problem(ProblemKind.BROKEN_LINK, number, words)


def _repetition(number: int, receipt: Receipt, earlier: int, original: Receipt) -> Problem:
    place = f"receipt {number}: position {receipt.position} was there before, in receipt {earlier}"
    if receipt == original:
        return Problem(ProblemKind.DUPLICATED, number, place)
    return Problem(ProblemKind.FORKED, number, f"{place}, with other content: the chain has a fork")


def _gap(number: int, start: int, end: int) -> Problem:
    missing = f"position {start} is" if start == end else f"positions {start} to {end} are"
    return Problem(ProblemKind.MISSING, number, f"{missing} missing before receipt {number}")
