"""Refusals of the provenance context."""

from domain.kernel.errors import InvalidValueError, NotFoundError, Resource, UnavailableError


class RecordNotFoundError(NotFoundError):
    reason = "RECORD_NOT_FOUND"

    def __init__(self, record: str) -> None:
        super().__init__(f"there is no record {record}", record=record)
        self.resource = Resource("record", record)


class RecordNotSealedError(UnavailableError):
    """The record is there, its seal is not yet."""

    reason = "RECORD_NOT_SEALED"

    def __init__(self, record: str) -> None:
        super().__init__(f"record {record} is not sealed yet; ask again", record=record)
        self.retry_after_seconds = 1.0


class ReceiptInvalidError(InvalidValueError):
    """What was given to check cannot be read as a receipt at all."""

    reason = "RECEIPT_INVALID"

    def __init__(self, receipt: int, words: str) -> None:
        super().__init__(f"receipt {receipt} is not one: {words}", receipt=str(receipt))
