"""Hold what is kept against itself, repair what is safe, and write down the rest."""

from asyncio import create_task, sleep
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, final

from application.operations.ports import BegunPass, Books, Bounds, PassObserver
from application.provenance.ports import SealBell
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import TenantId
from domain.operations.finding import OF_TENANT, Finding, FindingKind, Look, Scope

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
class Unchecked:
    """What could not be looked at; of all tenants where `tenant_id` is None."""

    look: Look
    tenant_id: TenantId | None


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """`tenants` is how many were looked at.

    A pass that is not `ended` became another server's, which makes it anew.
    """

    tenants: int = 0
    found: int = 0
    repaired: int = 0
    unchecked: tuple[Unchecked, ...] = ()
    ended: bool = True


class _LostPassError(Exception):
    """Another server is at the pass: what this one finds is not written any more."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    """One server is at it at a time; a pass that was not ended is begun anew.

    The server has it for a lease, which is renewed every `renew_seconds`.
    """

    books: Books
    bell: SealBell
    bounds: Bounds
    observer: PassObserver
    renew_seconds: float

    async def __call__(self, command: ReconcileCommand) -> ReconcileResult | None:
        """Go over all tenants; None when it is not due, or another server is at it.

        What cannot be looked at is left out and told: the rest is not kept waiting.

        Raises:
            StorageUnavailableError: Nothing can be written down; the pass is given back.
        """
        begun = await self.books.begin(command.scope, command.every)
        if begun is None:
            return None
        made = _Making(self, command, begun)
        renewing = create_task(self._renew(begun))
        try:
            await made.go_over()
        except _LostPassError:
            return made.result(ended=False)
        except BaseException:
            # A server that leaves, too, lets another one begin at once.
            with suppress(StorageUnavailableError):
                await self.books.give_back(begun)
            raise
        finally:
            renewing.cancel()
        return made.result(ended=True)

    async def _renew(self, begun: BegunPass) -> None:
        """Keep the pass while one look takes long; what is written says whether it was kept."""
        mine = True
        while mine:
            await sleep(self.renew_seconds)
            try:
                mine = await self.books.renew(begun)
            except Exception as error:  # noqa: BLE001 - the next try may succeed, and a pass needs it
                self.observer.unrenewed(begun.scope, error)


@final
class _Making:
    """One pass, with what has come of it."""

    def __init__(self, reconcile: Reconcile, command: ReconcileCommand, begun: BegunPass) -> None:
        self._books = reconcile.books
        self._bell = reconcile.bell
        self._bounds = reconcile.bounds
        self._observer = reconcile.observer
        self._command = command
        self._begun = begun
        self._since = None if command.scope is Scope.WHOLE else command.recent
        self._tenants = self._found = self._repaired = 0
        self._unchecked = list[Unchecked]()

    def result(self, *, ended: bool) -> ReconcileResult:
        return ReconcileResult(
            self._tenants, self._found, self._repaired, tuple(self._unchecked), ended
        )

    async def go_over(self) -> None:
        overdue = await self._look(
            Look.OVERDUE, None, self._books.overdue(self._bounds, MOST_OVERDUE)
        )
        if any(one.kind is FindingKind.RECORD_OVERDUE for one in overdue):
            self._bell.record_written()
        after: TenantId | None = None
        while named := await self._books.tenants(after, TENANTS):
            for tenant_id in named:
                # Looks that find nothing write nothing down: a lost pass is noticed here.
                await self._mine(self._books.renew(self._begun))
                for look in OF_TENANT:
                    await self._look(look, tenant_id, self._checked(look, tenant_id))
                self._tenants += 1
            after = named[-1]
        await self._mine(self._books.end(self._begun))

    async def _look(
        self, look: Look, tenant_id: TenantId | None, looking: Awaitable[Sequence[Finding]]
    ) -> Sequence[Finding]:
        """Make a look and write down what it found; what it found before stays where it fails."""
        try:
            findings = await looking
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one, the rest is looked at
            self._unchecked.append(Unchecked(look, tenant_id))
            self._observer.unchecked(look, tenant_id, error)
            # Where nothing answers at all, writing this down ends the pass.
            await self._mine(self._books.spare(self._begun, look, tenant_id))
            return ()
        if findings:
            await self._mine(self._books.keep(self._begun, findings))
        self._found += len(findings)
        self._repaired += sum(one.repaired for one in findings)
        return findings

    async def _checked(self, look: Look, tenant_id: TenantId) -> Sequence[Finding]:
        findings = await self._books.check(tenant_id, look, self._since)
        held = [one for one in findings if one.kind is FindingKind.HELD_UNEQUAL]
        if not (self._command.repair and held and await self._books.repair_held(tenant_id)):
            return findings
        return [one.repair() if one in held else one for one in findings]

    async def _mine(self, writing: Awaitable[bool]) -> None:
        if not await writing:
            raise _LostPassError
