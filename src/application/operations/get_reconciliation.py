"""Read what reconciliations have found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from application.operations.ports import Findings, Pass, SeenFinding
from domain.kernel.identifiers import TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class GetReconciliationQuery:
    """`tenant_id` None asks for the findings of all; `after` is the place of the last one told."""

    tenant_id: TenantId | None
    limit: int
    after: str = ""


@dataclass(frozen=True, slots=True)
class GetReconciliationResult:
    """`findings` in order of their places."""

    passes: Sequence[Pass]
    findings: Sequence[tuple[str, SeenFinding]]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GetReconciliation:
    findings: Findings

    async def __call__(self, query: GetReconciliationQuery) -> GetReconciliationResult:
        found = await self.findings.page(query.tenant_id, query.after, query.limit)
        return GetReconciliationResult(await self.findings.passes(), found)
