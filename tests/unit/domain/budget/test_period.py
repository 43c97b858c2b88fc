"""Months, as the whole world counts them."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from domain.budget.period import period_of


@pytest.mark.parametrize(
    ("moment", "period"),
    [
        (datetime(2026, 11, 1, tzinfo=UTC), date(2026, 11, 1)),
        (datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), date(2026, 11, 1)),
        (datetime(2026, 12, 1, 0, 30, tzinfo=timezone(timedelta(hours=1))), date(2026, 11, 1)),
    ],
)
def test_a_period_is_the_month_in_utc(moment: datetime, period: date) -> None:
    assert period_of(moment) == period
