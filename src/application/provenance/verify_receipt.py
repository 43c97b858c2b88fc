"""Check receipts with nothing but public keys, online or off."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from application.kernel.ports import CanonicalJson, Json
from application.provenance.ports import Verifier
from application.provenance.receipt_form import RECEIPT_FIELDS, claims_of, receipt_of
from domain.kernel.errors import InvalidArgumentError
from domain.provenance.chain import ALGORITHM, signed_bytes
from domain.provenance.errors import ReceiptInvalidError
from domain.provenance.receipt import Receipt, names_once_each, unreadable
from domain.provenance.verification import (
    Claims,
    Examined,
    Problem,
    ProblemKind,
    problems_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was checked and what is wrong with it: nothing is, when `problems` is empty."""

    receipts: tuple[Receipt, ...]
    problems: tuple[Problem, ...]

    @property
    def valid(self) -> bool:
        return not self.problems


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReceipt:
    """Check one receipt, or several as a range of one tenant's chain, in their order."""

    json: CanonicalJson
    verifier: Verifier

    def __call__(self, receipts: Sequence[Receipt]) -> Verification:
        """Check receipts.

        Raises:
            ReceiptInvalidError: One has not the form of a receipt.
        """
        for number, receipt in enumerate(receipts, 1):
            if words := unreadable(receipt):
                raise ReceiptInvalidError(number, words)
        examined = [self._examine(receipt) for receipt in receipts]
        return Verification(receipts=tuple(receipts), problems=problems_of(examined))

    def of_file(self, file: bytes) -> Verification:
        """Check the JSON of a receipt, or of an array of receipts; never raises."""
        try:
            form = self.json.decode(file)
        except InvalidArgumentError as refused:
            words = f"the file is not complete, plain JSON: {refused}"
            return _nothing_but(Problem(ProblemKind.NOT_JSON, 0, words))
        forms: Sequence[Json] = form if isinstance(form, list) else (form,)
        read = [receipt_of(one, number) for number, one in enumerate(forms, 1)]
        unread = tuple(one for one in read if isinstance(one, Problem))
        if unread:
            return Verification(receipts=(), problems=unread)
        if not names_once_each(file, RECEIPT_FIELDS, len(forms)):
            words = "the file names a field twice, or writes its name with escapes"
            return _nothing_but(Problem(ProblemKind.NOT_A_RECEIPT, 0, words))
        return self([one for one in read if isinstance(one, Receipt)])

    def _examine(self, receipt: Receipt) -> Examined:
        claims, canonical = self._read(receipt.body)
        return Examined(
            receipt=receipt,
            claims=claims,
            canonical=canonical,
            genuine=self._genuine(receipt),
        )

    def _read(self, body: bytes) -> tuple[Claims | None, bool]:
        try:
            form = self.json.decode(body)
            return claims_of(form), self.json.encode(form) == body
        except InvalidArgumentError:
            return None, False

    def _genuine(self, receipt: Receipt) -> bool | None:
        if receipt.algorithm != ALGORITHM:
            return None
        return self.verifier.verify(receipt.key_id, signed_bytes(receipt.hash), receipt.signature)


def _nothing_but(problem: Problem) -> Verification:
    return Verification(receipts=(), problems=(problem,))
