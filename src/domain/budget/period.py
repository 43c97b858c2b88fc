"""The period that a balance counts in: a calendar month, UTC, named by its first day."""

from datetime import UTC, date, datetime


def period_of(moment: datetime) -> date:
    """The period of an aware moment."""
    return moment.astimezone(UTC).date().replace(day=1)
