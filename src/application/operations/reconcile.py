"""Hold what is kept against itself, repair what is safe, and write down the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, final

from application.operations.ports import Books, Bounds
from application.provenance.ports import SealBell
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import TenantId
from domain.operations.finding import Finding, FindingKind, Scope

TENANTS: Final = 256
"""So many tenants are named at once."""

MOST_OVERDUE: Final = 100
"""So many of a kind are told one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileCommand:
    """A pass begins when the last one of its scope was `every` ago, or longer.

    `recent` is how far back a pass of scope RECENT looks.
    """

    scope: Scope
    every: timedelta
    recent: timedelta
    repair: bool


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """`tenants` is how many there are; `unchecked` those that could not be looked at."""

    tenants: int
    found: int
    repaired: int
    unchecked: tuple[TenantId, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    """One server is at it at a time; a pass that was not ended is begun anew."""

    books: Books
    bell: SealBell
    bounds: Bounds

    async def __call__(self, command: ReconcileCommand) -> ReconcileResult | None:
        """Go over all tenants; None when it is not due, or another server is at it.

        A tenant that cannot be looked at in time is left out: the others are not kept waiting.
        """
        if not await self.books.begin(command.scope, command.every):
            return None
        overdue = await self.books.overdue(self.bounds, MOST_OVERDUE)
        await self.books.keep(command.scope, overdue)
        if any(one.kind is FindingKind.RECORD_OVERDUE for one in overdue):
            self.bell.record_written()

        tenants, found, repaired = 0, len(overdue), 0
        unchecked = list[TenantId]()
        after: TenantId | None = None
        while named := await self.books.tenants(after, TENANTS):
            for tenant_id in named:
                findings = await self._check(tenant_id, command)
                if findings is None:
                    unchecked.append(tenant_id)
                    await self.books.spare(command.scope, tenant_id)
                    continue
                await self.books.keep(command.scope, findings)
                found += len(findings)
                repaired += sum(one.repaired for one in findings)
            tenants += len(named)
            after = named[-1]
        await self.books.end(command.scope)
        return ReconcileResult(tenants, found, repaired, tuple(unchecked))

    async def _check(
        self, tenant_id: TenantId, command: ReconcileCommand
    ) -> Sequence[Finding] | None:
        try:
            return await self._checked(tenant_id, command)
        except StorageUnavailableError:
            # Where nothing answers at all, writing this down ends the pass.
            return None

    async def _checked(self, tenant_id: TenantId, command: ReconcileCommand) -> Sequence[Finding]:
        since = None if command.scope is Scope.WHOLE else command.recent
        findings = await self.books.check(tenant_id, since)
        held = [one for one in findings if one.kind is FindingKind.HELD_UNEQUAL]
        if not command.repair or not held or not await self.books.repair_held(tenant_id):
            return findings
        return [one.repair() if one in held else one for one in findings]
