"""What a check stands on: the database as its owner sees it, and what clients were told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from tests.crash.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Ground:
    """Questions are asked of the run's tenants alone, named `%(tenants)s` in the statement."""

    connection: psycopg.Connection[TupleRow]
    evidence: Evidence

    @property
    def tenants(self) -> list[UUID]:
        return tenants_of(self.evidence)

    def slug(self, tenant_id: object) -> str:
        named = (one.slug for one in self.evidence.tenants if one.tenant_id == tenant_id)
        return next(named, "the idle tenant")

    def rows(self, statement: str, named: Mapping[str, object] | None = None) -> Sequence[TupleRow]:
        """The rows of a statement of ours."""
        cursor = self.connection.execute(
            statement.encode(), {"tenants": self.tenants, **(named or {})}, binary=True
        )
        return cursor.fetchall()


def tenants_of(evidence: Evidence) -> list[UUID]:
    """All tenants that are looked at after a run."""
    return [*(one.tenant_id for one in evidence.tenants), evidence.idle]


def last_of(name: str) -> UUID:
    """The identifier that a resource name ends with."""
    return UUID(name.rpartition("/")[2])
