"""Only what is UNAVAILABLE is tried again; the rest is an error of its own kind, at once."""

import grpc
import pytest

import somagent_client
from somagent.budget.v1 import budget_pb2
from somagent.budget.v1.budget_pb2_grpc import BudgetServiceStub
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent_client import InvalidArgumentError, RefusedError, SomaAgent, UnavailableError
from somagent_client.servers import Server, Servers
from tests.sdk.clients import QUICK, TWICE, client_of
from tests.unit.entrypoints.cli.service import LOST, SESSION, TENANT, Refusal, Service

KINDS = {
    grpc.StatusCode.INVALID_ARGUMENT: somagent_client.InvalidArgumentError,
    grpc.StatusCode.UNAUTHENTICATED: somagent_client.UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: somagent_client.PermissionDeniedError,
    grpc.StatusCode.NOT_FOUND: somagent_client.NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: somagent_client.AlreadyExistsError,
    grpc.StatusCode.FAILED_PRECONDITION: somagent_client.FailedPreconditionError,
    grpc.StatusCode.ABORTED: somagent_client.ConflictError,
    grpc.StatusCode.OUT_OF_RANGE: somagent_client.OutOfRangeError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: somagent_client.ExhaustedError,
    grpc.StatusCode.DEADLINE_EXCEEDED: somagent_client.DeadlineExceededError,
    grpc.StatusCode.INTERNAL: RefusedError,
    grpc.StatusCode.UNIMPLEMENTED: RefusedError,
}


@pytest.mark.parametrize(("code", "kind"), KINDS.items(), ids=lambda one: getattr(one, "name", ""))
async def test_a_refusal_is_raised_at_once_with_its_reason(
    code: grpc.StatusCode, kind: type[RefusedError], service: Service, second: Service
) -> None:
    service.streams = [[Refusal(code, "SOME_REASON", "no", retry_after_seconds=0.0)]]
    service.refusals["CreateSessionRequest"] = Refusal(code, "SOME_REASON", "no")
    async with client_of(service, second) as client:
        with pytest.raises(kind) as streamed:
            await client.session(SESSION).ask("Hello")
        with pytest.raises(kind) as asked:
            await client.create_session(capsule="demo")

    for refused in (streamed.value, asked.value):
        assert (refused.code, refused.reason) == (code, "SOME_REASON")
        assert str(refused) == f"{code.name} SOME_REASON: no"
    assert len(service.asked) == 2
    assert second.asked == []


async def test_the_fields_of_a_malformed_request_are_told(service: Service) -> None:
    wrong = Refusal(
        grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT", violations=[("text", "is empty")]
    )
    service.streams = [[wrong]]
    async with client_of(service) as client:
        with pytest.raises(InvalidArgumentError) as refused:
            await client.session(SESSION).ask("")

    assert refused.value.violations == (("text", "is empty"),)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED])
async def test_what_grpc_says_of_a_stream_that_was_cut_off_is_no_refusal(
    code: grpc.StatusCode, service: Service, second: Service
) -> None:
    service.refusals["CreateSessionRequest"] = Refusal(code)
    second.answers["CreateSessionRequest"] = lambda _: pb.CreateSessionResponse(
        session=pb.Session(name=SESSION)
    )
    async with client_of(service, second) as client:
        assert (await client.create_session(capsule="demo")).name == SESSION


async def test_a_mutation_is_repeated_under_its_first_request_id(
    service: Service, second: Service
) -> None:
    service.refusals["CreateSessionRequest"] = LOST
    second.answers["CreateSessionRequest"] = lambda _: pb.CreateSessionResponse(
        session=pb.Session(name=SESSION)
    )
    async with client_of(service, second) as client:
        session = await client.create_session(capsule="demo")

    assert session.name == SESSION
    assert service.of(pb.CreateSessionRequest) == second.of(pb.CreateSessionRequest)


async def test_any_method_of_the_api_may_be_called(service: Service) -> None:
    service.answers["GetUsageRequest"] = lambda _: budget_pb2.GetUsageResponse()
    async with client_of(service) as client:
        await client.call(
            lambda on: BudgetServiceStub(on).GetUsage, budget_pb2.GetUsageRequest(parent=TENANT)
        )

    assert service.of(budget_pb2.GetUsageRequest)[0].parent == TENANT


async def test_a_call_that_nobody_answers_ends_when_its_time_is_over() -> None:
    nobody = Service(address="127.0.0.1:1")
    async with client_of(nobody, policy=TWICE) as client:
        with pytest.raises(UnavailableError):
            await client.call(
                lambda on: BudgetServiceStub(on).GetUsage,
                budget_pb2.GetUsageRequest(parent=TENANT),
            )


def test_a_client_without_a_server_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one server"):
        SomaAgent(" , ", tenant="demo", key="sk_test")


async def test_the_server_that_answered_last_is_kept_to() -> None:
    async with (
        grpc.aio.insecure_channel("127.0.0.1:1") as one,
        grpc.aio.insecure_channel("127.0.0.1:2") as other,
    ):
        first, second = Server("one", one), Server("other", other)
        servers = Servers([first, second], QUICK)

        assert servers.best(now=0.0) is first
        servers.failed(first, 0.0, None)
        assert servers.best(now=1.0) is second
        servers.failed(second, 1.0, retry_after_seconds=5.0)
        assert servers.best(now=2.0) is first
        servers.failed(first, 2.0, retry_after_seconds=30.0)
        assert servers.best(now=3.0) is second
        assert servers.best(now=3.0).free_at == 6.0


def test_waits_grow_to_their_bound_and_are_never_all_alike() -> None:
    longest = [QUICK.first_seconds * 2**times for times in range(60)]
    for attempts, expected in enumerate(longest, 1):
        bound = min(expected, QUICK.most_seconds)
        waits = {QUICK.seconds(attempts) for _ in range(20)}
        assert all(bound / 2 <= wait <= bound for wait in waits)
        assert len(waits) > 1
