"""Where a client connects, and what it shows there."""

import pytest

from entrypoints.cli.client import Client, Target, is_local
from entrypoints.cli.connecting import capsule_name, target_of, tenant_name
from entrypoints.cli.failure import CommandFailedError, ExitCode
from entrypoints.cli.remembered import Remembered
from somagent.tenancy.v1.tenancy_pb2 import GetTenantRequest
from tests.unit.entrypoints.cli.service import TENANT, Service

HERE = Remembered(address="127.0.0.1:50051", key="sk_here", operator_key="sk_op", tenant="demo")


@pytest.mark.parametrize(
    "address", ["127.0.0.1:50051", "localhost:1", "[::1]:50051", "127.9.9.9:1", "unix:some.sock"]
)
def test_what_stays_on_this_machine_needs_no_encryption(address: str) -> None:
    assert is_local(address)
    assert not Target(address=address).encrypted


@pytest.mark.parametrize(
    "address", ["example.org:443", "10.0.0.1:50051", "localhost.example.org:1", "[2001:db8::1]:1"]
)
def test_what_leaves_this_machine_is_encrypted_unless_told_otherwise(address: str) -> None:
    assert Target(address=address).encrypted
    assert not Target(address=address, plaintext=True).encrypted


def test_a_key_does_not_show_in_a_representation() -> None:
    assert "sk_secret" not in repr(Target(address="a:1", key="sk_secret"))


async def test_the_key_goes_along_with_every_call(client: Client, service: Service) -> None:
    await client.ask(client.tenancy.GetTenant, GetTenantRequest(name=TENANT))

    assert service.credentials == ["Bearer sk_test"]


def test_a_remembered_key_is_sent_to_its_own_server_alone() -> None:
    assert target_of(HERE).key == "sk_here"
    assert target_of(HERE, address="example.org:443").key == ""


def test_a_given_key_wins() -> None:
    assert target_of(HERE, key="sk_given").key == "sk_given"


def test_an_administrator_calls_with_the_operators_key() -> None:
    assert target_of(HERE, administering=True).key == "sk_op"


def test_a_tenant_may_be_given_by_slug_or_by_name() -> None:
    assert tenant_name("acme", HERE) == tenant_name("tenants/acme", HERE) == "tenants/acme"
    assert tenant_name("", HERE) == "tenants/demo"


def test_without_a_capsule_the_command_says_how_to_name_one() -> None:
    with pytest.raises(CommandFailedError, match="no capsule is named") as failure:
        capsule_name("", "", HERE)

    assert failure.value.code is ExitCode.USAGE
