"""Warnings of budgets in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, final
from uuid import UUID

from psycopg.rows import class_row

from adapters.postgres.database import Database
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.packing import microseconds
from application.budget.ports import PassedLimit
from domain.budget.account import Account, AccountKind, percentages_due
from domain.budget.events import BudgetWarning
from domain.kernel.identifiers import TenantId
from domain.kernel.metering import Metric

PATIENCE: Final = timedelta(seconds=5)
"""How long an announcement waits for its tenant's row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    tenant_id: UUID
    kind: str
    name: str
    metric: int
    period: date
    limit_amount: int
    spent: int
    warned: int
    announced: int

    def passed(self) -> PassedLimit:
        return PassedLimit(
            tenant_id=TenantId(self.tenant_id),
            account=Account(AccountKind(self.kind), self.name),
            metric=Metric.of(self.metric),
            period=self.period,
            limit=self.limit_amount,
            spent=self.spent,
            percents=percentages_due(self.announced, self.warned),
        )


@dataclass(frozen=True, slots=True)
class _Announced:
    now: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresBudgetWarnings:
    database: Database
    outgoing: Outgoing

    async def due(self, limit: int) -> Sequence[PassedLimit]:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Due))
            await cursor.execute(b"select * from due_warnings(%s::integer)", (limit,))
            return [row.passed() for row in await cursor.fetchall()]

    async def announce(self, warning: BudgetWarning) -> bool:
        kind, payload = self.outgoing.encode(warning)
        parameters = {
            "tenant": warning.tenant_id,
            "patience": PATIENCE,
            "account": warning.account.id_in(warning.tenant_id),
            "metric": warning.metric.code,
            "period": warning.period,
            "percent": warning.percent,
            "event": warning.id,
            "key": warning.key,
            "type": kind,
            "trace": self.outgoing.traceparent(),
            "time": microseconds(warning.occurred_at),
            "payload": payload,
        }
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Announced))
            await cursor.execute(_ANNOUNCE, parameters)
            (announced,) = await cursor.fetchall()
        return announced.now


_ANNOUNCE: Final = b"""
select announce_warning(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(account)s,
    %(metric)s::smallint, %(period)s, %(percent)s::smallint, %(event)s, %(key)s, %(type)s,
    %(trace)s, %(time)s::bigint, %(payload)s) as now
"""
