"""Keys open until they are revoked, and tenants are founded once and stay stopped."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from random import Random
from time import monotonic
from typing import Final

import grpc

from domain.tenancy.tenant import Standing
from somagent.budget.v1 import budget_pb2
from tests.crash.checker.excuses import ANYBODY
from tests.crash.checker.ground import Ground, last_of
from tests.crash.checker.violation import Kind, Violation
from tests.crash.evidence import Evidence, Founded, MadeKey, Refusal
from tests.system.client import Client, RefusedError

_KEYS: Final = """
    select k.key_id, k.display_name, k.revoked_at is not null from api_keys k
    join tenant_profiles p using (tenant_id)
    where k.tenant_id = any (%(tenants)s) or p.slug = any (%(slugs)s)
"""

_TENANTS: Final = """
    select p.slug, p.standing, (select count(*) from limits l where l.tenant_id = p.tenant_id),
        (select count(*) from outbox o where o.tenant_id = p.tenant_id
            and position(convert_to('operations:stop', 'UTF8') in o.payload) > 0)
    from tenant_profiles p where p.slug = any (%(slugs)s)
"""

_EARNED: Final[Mapping[str, frozenset[str]]] = {
    # A tool of ours loses so many answers that its breaker is open now and then.
    "ExecuteToolRequest": frozenset({"TOOL_FAILED"}),
    # The turn was quicker.
    "CancelTurnRequest": frozenset({"TURN_ALREADY_ENDED"}),
    # Its turn was cancelled first.
    "ApproveInvocationRequest": frozenset(
        {"APPROVAL_EXPIRED", "INVOCATION_ALREADY_DECIDED", "TURN_ALREADY_ENDED"}
    ),
    # Its client was not served for so long that the reservation's time was over.
    "SettleBudgetRequest": frozenset({"RESERVATION_ENDED"}),
    "ReleaseReservationRequest": frozenset({"RESERVATION_ENDED"}),
    # A server died over it, and holds it for a while.
    "UpdateDeadLetterRequest": frozenset({"DEAD_LETTER_BUSY"}),
    "DiscardDeadLettersRequest": frozenset({"DEAD_LETTER_BUSY"}),
    "ReplayDeadLettersRequest": frozenset({"DEAD_LETTER_BUSY"}),
    # The broker was taken away under it; what was not published is not passed over.
    "ReplayEventsRequest": frozenset({"EVENT_FAILED", "PUBLISHER_UNAVAILABLE"}),
}
"""Why a request of a type may be refused besides; for nothing else in a laboratory."""

_SPENDING: Final = frozenset({"ExecuteToolRequest", "GateBudgetRequest", "ProcessMessageRequest"})
"""What a tenant near its limit is refused with `BUDGET_EXHAUSTED`."""

TRIED: Final = 12
"""So many keys of a run are tried, at every server."""

KNOWN_SECONDS: Final = 6.0
"""So long a server may take a key for good that it knew before it was revoked: five, and some."""


def check_access(ground: Ground) -> Iterator[Violation]:
    """What is stored of keys and tenants, against what was told."""
    named = {"slugs": [one.slug for one in ground.evidence.founded]}
    yield from _check_stored_keys(ground, named)
    tenants = {slug: rest for slug, *rest in ground.rows(_TENANTS, named)}
    for tenant in ground.evidence.founded:
        yield from _check_tenant(tenant, tenants.get(tenant.slug))
    for refusal in ground.evidence.refusals:
        if not _is_earned(refusal):
            what = f"{refusal.request} was refused without a cause: {refusal.error}"
            yield Violation(Kind.LOST, what)


def _is_earned(refusal: Refusal) -> bool:
    """Whether the laboratory gives that request a reason to be refused so."""
    reason = refusal.error.reason
    if reason == "BUDGET_EXHAUSTED":
        return refusal.limited and refusal.request in _SPENDING
    return reason in ANYBODY or reason in _EARNED.get(refusal.request, ())


def _check_stored_keys(ground: Ground, named: Mapping[str, object]) -> Iterator[Violation]:
    rows = ground.rows(_KEYS, named)
    made = Counter(str(ident) for _, ident, _ in rows)
    revoked = {key: ended for key, _, ended in rows}
    for key in ground.evidence.keys:
        stored = revoked.get(last_of(key.name))
        if made[key.ident] > 1:
            yield Violation(Kind.DOUBLED, f"request {key.ident} made {made[key.ident]} keys")
        if stored is None:
            yield Violation(Kind.LOST, f"{key.name} was made and is not there")
        elif stored != key.revoked and key.revoking == key.revoked:
            kind = Kind.LEAKED if key.revoked else Kind.LOST
            yield Violation(kind, f"{key.name} is revoked: {stored}; told was {key.revoked}")


def _check_tenant(tenant: Founded, stored: Sequence[object] | None) -> Iterator[Violation]:
    if len(tenant.told) > 1:
        yield Violation(Kind.DOUBLED, f"{tenant.slug} was founded at {tenant.told}")
    if stored is None:
        if tenant.told:
            yield Violation(Kind.LOST, f"{tenant.slug} was founded and is not there")
        return
    standing, limits, told = stored
    if not limits:
        yield Violation(Kind.LOST, f"{tenant.slug} has no limits")
    if tenant.stopped and standing != Standing.STOPPED:
        yield Violation(Kind.LEAKED, f"{tenant.slug} was stopped and stands {standing}")
    if told != int(standing == Standing.STOPPED):
        yield Violation(
            Kind.DOUBLED if told else Kind.LOST, f"{tenant.slug}: {told} stops are told"
        )


async def check_keys(evidence: Evidence, chance: Random) -> AsyncIterator[Violation]:
    """Keys are tried: those that were revoked, or whose tenant was stopped, open nothing."""
    stopped = {one.slug for one in evidence.founded if one.stopped}
    unsure = {one.slug for one in evidence.founded if one.stopping} - stopped
    certain = [
        key
        for key in evidence.keys
        if key.secret and key.revoking == key.revoked and key.tenant not in unsure
    ]
    until = monotonic() + KNOWN_SECONDS
    for key in chance.sample(certain, min(TRIED, len(certain))):
        good = not key.revoked and key.tenant not in stopped
        for client in evidence.platform.under(key.secret, key.tenant).clients:
            opens = await _opens(client, key)
            while opens and not good and monotonic() < until:
                await asyncio.sleep(0.2)
                opens = await _opens(client, key)
            if opens != good:
                kind = Kind.LEAKED if opens else Kind.LOST
                yield Violation(kind, f"{key.name} opens: {opens}, and should: {good}")


async def _opens(client: Client, key: MadeKey) -> bool:
    """Raises: RefusedError: For another reason than the key."""
    request = budget_pb2.GetUsageRequest(parent=f"tenants/{key.tenant}")
    try:
        await client.ask(request, budget_pb2.GetUsageResponse)
    except RefusedError as refused:
        if refused.code in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}:
            return False
        raise
    return True
