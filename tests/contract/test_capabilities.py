"""What every store of registered capabilities must honour."""

from decimal import Decimal
from uuid import UUID

import pytest

from adapters.inmemory.capabilities import InMemoryCapabilities
from adapters.postgres.capabilities import PostgresCapabilities
from adapters.system.identifiers import SystemIdentifiers
from application.capability.ports import Capabilities
from domain.capability.capability import Capability, Modality, ToolCalling
from domain.capability.errors import CapabilityAlreadyExistsError
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.identifiers import RequestId, TenantId
from domain.kernel.provider_price import ProviderPrice
from domain.kernel.request_key import RequestKey
from domain.kernel.tier import Tier

IDENTIFIERS = SystemIdentifiers()


@pytest.fixture(params=["inmemory", "postgres"])
def capabilities(request: pytest.FixtureRequest) -> Capabilities:
    if request.param == "inmemory":
        return InMemoryCapabilities()
    return PostgresCapabilities(request.getfixturevalue("database"))


@pytest.fixture
def tenant_id() -> TenantId:
    return TenantId(IDENTIFIERS.next())


def capability(name: str = "large") -> Capability:
    return Capability(
        name=name,
        modality=Modality.TEXT,
        provider="openai",
        model="gpt",
        model_tier=Tier.PREMIUM,
        cost_tier=Tier.STANDARD,
        context_window=128_000,
        price=ProviderPrice(input=Decimal("2.5"), cached=Decimal("0.000125"), output=Decimal(10)),
        tool_calling=ToolCalling.NATIVE,
        priority=3,
        enabled=False,
        local=True,
        supports_logprobs=True,
    )


def asked(content: bytes = b"", request_id: UUID | None = None) -> RequestKey:
    number = RequestId(str(request_id or IDENTIFIERS.next()))
    return RequestKey.of("Register", number, "ada", content)


async def test_what_was_registered_is_read_back_by_name(
    capabilities: Capabilities, tenant_id: TenantId
) -> None:
    second = await capabilities.register(tenant_id, capability("b"), asked())
    first = await capabilities.register(tenant_id, capability("a"), asked())

    assert await capabilities.all(tenant_id) == [first, second]
    assert first == capability("a")


async def test_a_name_is_taken_once_in_a_tenant(
    capabilities: Capabilities, tenant_id: TenantId
) -> None:
    await capabilities.register(tenant_id, capability(), asked())

    with pytest.raises(CapabilityAlreadyExistsError):
        await capabilities.register(tenant_id, capability(), asked())
    other = TenantId(IDENTIFIERS.next())
    assert await capabilities.register(other, capability(), asked()) == capability()


async def test_a_repeated_registration_answers_as_before(
    capabilities: Capabilities, tenant_id: TenantId
) -> None:
    request = asked()
    first = await capabilities.register(tenant_id, capability(), request)

    assert await capabilities.register(tenant_id, capability(), request) == first


async def test_a_request_id_registers_one_thing(
    capabilities: Capabilities, tenant_id: TenantId
) -> None:
    request_id = IDENTIFIERS.next()
    await capabilities.register(tenant_id, capability("a"), asked(b"a", request_id))

    with pytest.raises(IdempotencyKeyReusedError):
        await capabilities.register(tenant_id, capability("b"), asked(b"b", request_id))
    assert [one.name for one in await capabilities.all(tenant_id)] == ["a"]


async def test_nothing_of_another_tenant_is_seen(
    capabilities: Capabilities, tenant_id: TenantId
) -> None:
    await capabilities.register(tenant_id, capability(), asked())

    assert await capabilities.all(TenantId(IDENTIFIERS.next())) == []
