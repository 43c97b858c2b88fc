"""Refusals as they end a command."""

import tomllib
from pathlib import Path

import grpc
import pytest

from entrypoints.cli.client import Client, Target, open_client
from entrypoints.cli.failure import CommandFailedError, ExitCode
from entrypoints.cli.refusals import ADVICE
from somagent.tenancy.v1.tenancy_pb2 import GetTenantRequest
from tests.fakes import CountingIdentifiers
from tests.unit.entrypoints.cli.service import TENANT, Refusal, Service

ROOT = Path(__file__).parents[4]


async def failure_of(client: Client) -> CommandFailedError:
    with pytest.raises(CommandFailedError) as failure:
        await client.ask(client.tenancy.GetTenant, GetTenantRequest(name=TENANT))
    return failure.value


async def test_a_refusal_keeps_its_reason_and_says_what_to_do(
    client: Client, service: Service
) -> None:
    service.refusals["GetTenantRequest"] = Refusal(
        grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED", "tenancy:read is denied"
    )

    failure = await failure_of(client)

    assert (failure.reason, failure.code) == ("PERMISSION_DENIED", ExitCode.REFUSED)
    assert failure.what == "tenancy:read is denied"
    assert failure.advice == ADVICE["PERMISSION_DENIED"]


async def test_every_field_that_is_wrong_is_named(client: Client, service: Service) -> None:
    service.refusals["GetTenantRequest"] = Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_ARGUMENT",
        "name: no; plan: no",
        violations=[("name", "must be a tenant"), ("plan", "is unknown")],
    )

    failure = await failure_of(client)

    assert "name: must be a tenant" in failure.what
    assert "plan: is unknown" in failure.what


async def test_when_to_try_again_is_said_where_nothing_else_is(
    client: Client, service: Service
) -> None:
    service.refusals["GetTenantRequest"] = Refusal(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "SOMETHING_NEW", "no", retry_after_seconds=2.5
    )

    assert (await failure_of(client)).advice == "try again in 2.5 s"


async def test_a_status_without_details_is_still_told(client: Client, service: Service) -> None:
    service.refusals["GetTenantRequest"] = Refusal(grpc.StatusCode.INTERNAL, message="odd")

    failure = await failure_of(client)

    assert (failure.what, failure.reason) == ("odd", "INTERNAL")


async def test_where_no_server_answers_the_address_is_named() -> None:
    async with open_client(Target(address="127.0.0.1:1"), CountingIdentifiers()) as client:
        failure = await failure_of(client)

    assert failure.code is ExitCode.UNREACHABLE
    assert "127.0.0.1:1" in failure.what
    assert "somagent serve" in failure.advice


async def test_unavailable_is_tried_again_and_nothing_else(
    client: Client, service: Service
) -> None:
    service.refusals["GetTenantRequest"] = Refusal(grpc.StatusCode.ABORTED, "ETAG_MISMATCH")

    await failure_of(client)

    assert len(service.asked) == 1


def test_advice_is_for_reasons_that_exist() -> None:
    reasons = tomllib.loads((ROOT / "contracts" / "reasons.toml").read_text())

    assert ADVICE.keys() - reasons.keys() == set()
