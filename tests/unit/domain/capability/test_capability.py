from dataclasses import replace
from decimal import Decimal
from typing import Final

import pytest

from domain.capability.capability import Capability, Modality
from domain.capability.errors import CapabilityInvalidError
from domain.kernel.provider_price import ProviderPrice
from domain.kernel.tier import Tier

LOCAL: Final = Capability(
    name="local",
    modality=Modality.TEXT,
    provider="llama",
    model="smollm2",
    model_tier=Tier.BUDGET,
    cost_tier=Tier.BUDGET,
    context_window=8_192,
    local=True,
)


@pytest.mark.parametrize("name", ["", "n" * 129])
def test_a_capability_needs_a_name_that_fits_into_a_record(name: str) -> None:
    with pytest.raises(CapabilityInvalidError):
        replace(LOCAL, name=name)


def test_a_capability_needs_a_provider() -> None:
    with pytest.raises(CapabilityInvalidError):
        replace(LOCAL, provider="")


def test_a_window_is_not_negative() -> None:
    with pytest.raises(CapabilityInvalidError):
        replace(LOCAL, context_window=-1)


@pytest.mark.parametrize("price", ["input", "cached", "output"])
def test_no_price_is_negative(price: str) -> None:
    with pytest.raises(CapabilityInvalidError):
        replace(LOCAL, price=replace(ProviderPrice(), **{price: Decimal(-1)}))


def test_a_refusal_shows_no_more_of_a_long_name_than_a_name_may_have() -> None:
    with pytest.raises(CapabilityInvalidError) as refusal:
        replace(LOCAL, name="n" * 10_000)

    assert refusal.value.facts == {"capability": "n" * 128}
