"""How a database does, as a doctor sees it."""

import pytest

from adapters.postgres.condition import DatabaseUnreachableError, condition_of
from adapters.postgres.database import DatabaseSettings


async def test_a_database_that_can_serve_has_no_problem(
    database_settings: DatabaseSettings,
) -> None:
    found = condition_of(database_settings.request_url)

    assert found.problem == ""
    assert int(found.version.split(".")[0]) >= 18
    assert found.schema
    assert found.latency_seconds >= 0


async def test_an_empty_database_is_told_from_a_good_one(
    database_settings: DatabaseSettings,
) -> None:
    elsewhere = database_settings.request_url.split("dbname=")[0] + "dbname=postgres"

    found = condition_of(elsewhere)

    assert found.schema == ""
    assert "has schema revision none" in found.problem


def test_one_that_does_not_answer_says_why() -> None:
    with pytest.raises(DatabaseUnreachableError, match="port 1"):
        condition_of("host=127.0.0.1 port=1 user=nobody dbname=nothing")
