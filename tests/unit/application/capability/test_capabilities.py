"""Which capability serves a need, for whom, and why not another."""

from dataclasses import dataclass, replace

import pytest

from adapters.canonical.canonical_json import Rfc8785Json
from adapters.inmemory.capabilities import InMemoryCapabilities
from adapters.local.provider_health import LocalProviderHealth
from application.authorization.authorize import Authorize
from application.authorization.role_authorizer import RoleAuthorizer
from application.capability.known_capabilities import KnownCapabilities
from application.capability.list_capabilities import ListCapabilities, ListCapabilitiesQuery
from application.capability.register_capability import (
    RegisterCapability,
    RegisterCapabilityCommand,
)
from application.capability.select_capability import (
    ExplainSelection,
    SelectCapability,
    SelectCapabilityQuery,
)
from domain.capability.capability import Capability, Modality
from domain.capability.errors import CapabilityInvalidError, NoCapabilityError
from domain.capability.selection import Need
from domain.kernel.identifiers import RequestId
from domain.kernel.resilience import Guarded
from domain.kernel.tier import Tier
from tests.builders import OTHER_TENANT, TENANT, principal
from tests.fakes import CountingIdentifiers, StoppedClock

NEED = Need(modality=Modality.TEXT, model_tier=Tier.BUDGET, cost_ceiling=Tier.FLAGSHIP)
ASKED = SelectCapabilityQuery(principal=principal(), need=NEED)


def capability(name: str, provider: str = "local") -> Capability:
    return Capability(
        name=name,
        modality=Modality.TEXT,
        provider=provider,
        model=name,
        model_tier=Tier.BUDGET,
        cost_tier=Tier.BUDGET,
        context_window=8192,
    )


LOCAL = capability("local-small")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The use cases over one store, on a server with one model of its own."""

    clock: StoppedClock
    kept: InMemoryCapabilities
    health: LocalProviderHealth
    register: RegisterCapability
    list: ListCapabilities
    select: SelectCapability
    explain: ExplainSelection
    identifiers: CountingIdentifiers

    async def add(self, one: Capability) -> Capability:
        return await self.register(
            RegisterCapabilityCommand(
                principal=principal(roles=("administrator",)),
                tenant_id=TENANT,
                capability=one,
                request_id=RequestId(str(self.identifiers.next())),
            )
        )


@pytest.fixture
def desk() -> Desk:
    clock, kept = StoppedClock(), InMemoryCapabilities()
    known = KnownCapabilities.within(clock, (LOCAL,), kept)
    health = LocalProviderHealth(clock, Guarded.PROVIDER)
    select = SelectCapability(
        known=known, authorize=Authorize(authorizer=RoleAuthorizer()), health=health
    )
    return Desk(
        clock=clock,
        kept=kept,
        health=health,
        register=RegisterCapability(
            capabilities=kept,
            known=known,
            providers=frozenset({"local", "openai"}),
            canonical=Rfc8785Json(),
        ),
        list=ListCapabilities(known=known),
        select=select,
        explain=ExplainSelection(select=select),
        identifiers=CountingIdentifiers(),
    )


async def test_the_servers_own_model_serves_everybody(desk: Desk) -> None:
    assert (await desk.select(ASKED)).chosen == LOCAL


async def test_what_a_tenant_registers_is_chosen_from_at_once(desk: Desk) -> None:
    await desk.select(ASKED)
    added = await desk.add(replace(capability("mine", "openai"), priority=5))

    selection = await desk.select(ASKED)

    assert (selection.chosen, selection.fallbacks) == (added, (LOCAL,))


async def test_a_tenants_own_hides_the_servers_of_that_name(desk: Desk) -> None:
    mine = await desk.add(capability(LOCAL.name, "openai"))

    assert (await desk.select(ASKED)).chosen == mine
    assert await desk.list(ListCapabilitiesQuery(tenant_id=TENANT, limit=9)) == (mine,)
    assert await desk.list(ListCapabilitiesQuery(tenant_id=OTHER_TENANT, limit=9)) == (LOCAL,)


async def test_a_registration_elsewhere_is_seen_within_five_seconds(desk: Desk) -> None:
    await desk.select(ASKED)
    mine = replace(capability("mine"), priority=5)
    desk.kept.kept[TENANT, "mine"] = mine

    desk.clock.advance(5)

    assert (await desk.select(ASKED)).chosen == mine


async def test_a_provider_that_fails_is_passed_over(desk: Desk) -> None:
    spare = await desk.add(capability("spare", "openai"))
    for _ in range(5):
        desk.health.failed("local")

    explanation = await desk.explain(ASKED)

    assert explanation.selection is not None
    assert explanation.selection.chosen == spare
    assert explanation.fell_out == ((LOCAL.name, "BREAKER_OPEN"),)


async def test_who_may_use_no_model_gets_none(desk: Desk) -> None:
    asked = replace(ASKED, principal=principal(roles=("auditor",)))

    with pytest.raises(NoCapabilityError):
        await desk.select(asked)
    explanation = await desk.explain(asked)

    assert (explanation.selection, explanation.fell_out) == (None, ((LOCAL.name, "DENIED"),))


async def test_a_provider_that_is_not_configured_is_refused(desk: Desk) -> None:
    with pytest.raises(CapabilityInvalidError):
        await desk.add(capability("mine", "nobody"))


async def test_checking_only_registers_nothing(desk: Desk) -> None:
    await desk.register(
        RegisterCapabilityCommand(
            principal=principal(),
            tenant_id=TENANT,
            capability=capability("mine"),
            request_id=RequestId("r"),
            validate_only=True,
        )
    )

    assert desk.kept.kept == {}


async def test_a_list_goes_on_after_a_name(desk: Desk) -> None:
    for name in ("b", "a", "c"):
        await desk.add(capability(name))
    await desk.add(replace(capability("d"), modality=Modality.IMAGE))

    first = await desk.list(ListCapabilitiesQuery(tenant_id=TENANT, limit=2))
    rest = await desk.list(
        ListCapabilitiesQuery(tenant_id=TENANT, limit=9, after="b", modality=Modality.TEXT)
    )

    assert [one.name for one in first] == ["a", "b"]
    assert [one.name for one in rest] == ["c", LOCAL.name]
