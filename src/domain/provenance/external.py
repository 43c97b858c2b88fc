"""What may stand in a record of something done outside a turn."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from domain.kernel.errors import InvalidArgumentError
from domain.provenance.redaction import sensitive_in

OUTCOMES: Final = frozenset({"completed", "failed", "cancelled"})

MAX_FACTS: Final = 32
MAX_CONTENT_BYTES: Final = 1024 * 1024

_ACTION: Final = re.compile(r"[a-z][a-z0-9_]{0,31}(\.[a-z][a-z0-9_]{0,31}){0,4}")
_FACT_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_REASON: Final = re.compile(r"([A-Z][A-Z0-9_]{0,63})?")
_PLAIN_TEXT: Final = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{0,512}")


def check_external(
    *, action: str, resource: str, facts: Mapping[str, str], outcome: str, reason: str
) -> None:
    """Refuse what does not belong into a record that everybody may see who holds its receipt.

    Raises:
        InvalidArgumentError: A field has not its form, or seems to hold personal data or a secret.
    """
    if not _ACTION.fullmatch(action):
        raise InvalidArgumentError("action", "must be dotted lower-case names, as invoice.approved")
    if outcome not in OUTCOMES:
        raise InvalidArgumentError("outcome", f"must be one of {', '.join(sorted(OUTCOMES))}")
    if not _REASON.fullmatch(reason):
        raise InvalidArgumentError("reason", "must be an upper-case name, as PAYMENT_REFUSED")
    if len(facts) > MAX_FACTS:
        raise InvalidArgumentError("facts", f"must be at most {MAX_FACTS}")
    _check_public("resource", resource)
    for name, value in facts.items():
        if not _FACT_NAME.fullmatch(name):
            raise InvalidArgumentError("facts", "must have lower-case names of at most 64 letters")
        _check_public(f"facts.{name}", value)


def check_times(started_at: datetime, finished_at: datetime) -> None:
    """Raises: InvalidArgumentError: It ended before it began."""
    if finished_at < started_at:
        raise InvalidArgumentError("finished_at", "must not be before started_at")


def _check_public(field: str, value: str) -> None:
    if not _PLAIN_TEXT.fullmatch(value):
        raise InvalidArgumentError(field, "must be one line of at most 512 characters")
    if found := sensitive_in(value):
        kinds = " and ".join(found)
        raise InvalidArgumentError(
            field, f"seems to hold {kinds}: records hold no personal data; send it as input"
        )
