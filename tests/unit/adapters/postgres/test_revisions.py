"""A revision that was released stays as it was; what was made by it is brought to this release."""

import hashlib

import psycopg
import pytest

from adapters.postgres.embedded_lifetime import EmbeddedServer
from adapters.postgres.errors import SchemaOutdatedError
from adapters.postgres.migration import VERSIONS, check_schema, head, migrate
from adapters.postgres.schema import role_statements
from adapters.postgres.upgrade import upgrade
from tests.contract.postgres_server import copy_of, owner_url

RELEASED = {
    "r0001_initial": "6c450b0e7a9e0db4f7b1a3e75789b135ee09fe061632a59180e48739429cf7c7",
    "r0002_durability": "a9ff7a7484e7c9d9dfeb986b56a4870f29f308034108a46dcfc943f046645e64",
    "r0003_upkeep": "4b398286ec66adad3746444920529b7267f94d0088973999d5bcdf7893374a37",
    "r0004_oversight": "29428f23603a7662ee38ca99769424e78cf9e910b50bd16317e4186826ec802b",
    "r0005_accounts": "69de43c9b71dd6a16135690ba079d892fc7f64ce41bd0d2453e1b0926a0b9339",
}
"""Digests of revisions that databases may have been made by."""


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_revision_is_as_it_was(name: str) -> None:
    digest = hashlib.sha256()
    for path in sorted([*VERSIONS.glob(f"{name}.sql"), *VERSIONS.glob(f"{name}/*.sql")]):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())

    assert digest.hexdigest() == RELEASED[name], "make a new revision for what is to be changed"


@pytest.mark.postgres
@pytest.mark.parametrize("name", [name for name in RELEASED if name[1:5] != head()])
def test_a_database_of_a_released_revision_is_brought_to_the_newest(
    postgres_server: EmbeddedServer, name: str
) -> None:
    url = owner_url(copy_of(postgres_server, "template1"))
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in role_statements():
            connection.execute(statement.encode())
    upgrade(url, name[1:5])
    with pytest.raises(SchemaOutdatedError, match=f"{name[1:5]}.*{head()}"):
        check_schema(url)

    migrate(url)

    check_schema(url)
