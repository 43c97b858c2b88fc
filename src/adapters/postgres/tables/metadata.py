"""How tables of this schema are made: the tenant leads every key, policies stand beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.schema import SchemaItem
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from adapters.postgres.roles import RECONCILER

metadata: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Table: TypeAlias = sa.Table[ReadOnlyColumnCollection[str, sa.Column[object]]]

INSTANT: Final = sa.DateTime(timezone=True)


class Access(StrEnum):
    """What a login may do with a table's rows of its tenant."""

    NONE = ""
    READ = "select"
    APPEND = "select, insert"
    WRITE = "select, insert, update"
    FULL = "select, insert, update, delete"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a role that owns definer functions sees of a table, whichever the tenant.

    `rows` is the condition in SQL. `access` may name columns (`select, update (published_at)`).
    """

    role: str
    access: str
    rows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What stands beside a table: grants, policies, storage, and its pages' fill in per cent."""

    request: Access
    writer: Access
    policies: tuple[Policy, ...]
    external: tuple[str, ...]
    fillfactor: int | None


RECONCILED: Final = Policy(RECONCILER, "select", "true")
"""Of tables that reconciliations look at."""

RULES: Final = "rules"
"""The key of a table's `Rules` in its `info`."""


def tenant_table(  # noqa: PLR0913  (each is a property of a table, given by name)
    name: str,
    *columns: SchemaItem,
    key: Sequence[str] = (),
    request: Access = Access.READ,
    writer: Access = Access.NONE,
    policies: Sequence[Policy] = (),
    partition_by: str | None = None,
    external: Sequence[str] = (),
    fillfactor: int | None = None,
) -> Table:
    """A table of tenants' rows under forced row-level security.

    Args:
        name: Its name.
        columns: Its columns, constraints and indexes; `tenant_id` is put before them.
        key: What follows the tenant in the primary key.
        request: What the login of requests may do, with rows of the one tenant it has set.
        writer: What the writer's login may do, with rows of the tenants it has locked.
        policies: What definer roles see.
        partition_by: A UUIDv7 column of the key: partitions are months of it (see
            `functions/open_partitions.sql`), with a DEFAULT.
        external: Columns whose long values are not worth compressing.
        fillfactor: For rows that are updated often.
    """
    rules = Rules(
        request=request,
        writer=writer,
        policies=tuple(policies),
        external=tuple(external),
        fillfactor=fillfactor,
    )
    return sa.Table(
        name,
        metadata,
        sa.Column("tenant_id", sa.Uuid, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("tenant_id", *key),
        info={RULES: rules},
        # A partitioned table has no pages: its partitions read this when they are made.
        comment=f"fillfactor={fillfactor}" if fillfactor and partition_by else None,
        postgresql_partition_by=None if partition_by is None else f"range ({partition_by})",
    )


def platform_table(
    name: str, *columns: SchemaItem, key: Sequence[str], policies: Sequence[Policy]
) -> Table:
    """A table of rows that are no tenant's: only definer roles see it, by `policies`."""
    rules = Rules(
        request=Access.NONE,
        writer=Access.NONE,
        policies=tuple(policies),
        external=(),
        fillfactor=None,
    )
    return sa.Table(name, metadata, *columns, sa.PrimaryKeyConstraint(*key), info={RULES: rules})


def older_than_a_day(column: str) -> str:
    """Rows that retention may delete: none that was promised to be kept is seen by who deletes."""
    return f"{column} < now() - interval '24 hours'"


def rules_of(table: Table) -> Rules:
    """What stands beside a table; every table here was made by `tenant_table`."""
    rules = table.info[RULES]
    if not isinstance(rules, Rules):
        raise TypeError(f"{table.name} was not made by tenant_table")
    return rules
