"""Points around commits and calls: named, counted, and nothing at all without an order."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from uuid import UUID

import pytest

from adapters.failpoints.calls import with_points
from adapters.failpoints.catalogue import MODEL_POINTS, POINTS, PORTS, WRITER_POINTS
from adapters.failpoints.failpoints import Failpoints
from adapters.failpoints.language_model import LanguageModelWithPoints
from adapters.failpoints.orders import Deed, Order, UnknownFailpointError, orders_of
from adapters.inmemory.request_claims import InMemoryRequestClaims
from application.conversation.ports.models import ModelChunk, ModelEnd, ModelRequest, ModelText
from application.kernel.ports import RequestClaims
from application.operations.ports import Storage
from domain.conversation.errors import ModelFailedError
from domain.kernel.errors import StorageUnavailableError
from domain.kernel.identifiers import RequestId, TenantId
from domain.kernel.request_key import RequestKey
from entrypoints.assembly.failpoints import writer_with
from tests.upstream.calls import capability, chunks_of, model_request

TENANT = TenantId(UUID(int=1))
REQUEST = RequestKey(method="m", request_id=RequestId("r"), actor="ada", digest=b"d")


def claims(orders: str) -> tuple[RequestClaims, InMemoryRequestClaims]:
    """A port with points, and the adapter behind it."""
    adapter = InMemoryRequestClaims()
    return with_points("claims", adapter, Failpoints.of(orders), StorageUnavailableError), adapter


def test_every_point_has_a_name_of_its_own() -> None:
    assert len(set(POINTS)) == len(POINTS)
    assert {point.partition(".")[0] for point in POINTS} == {*PORTS, "model", "writer"}


@pytest.mark.parametrize("prefix", PORTS)
def test_what_is_swept_or_not_watched_is_a_call_of_its_port(prefix: str) -> None:
    watched = PORTS[prefix]

    assert {*watched.swept, *watched.unwatched} <= {*dir(watched.port)}
    assert {*watched.swept}.isdisjoint(watched.unwatched)
    assert all(watched.unwatched.values()), "a call that is no step has its reason"


class Tending:
    """Somebody who finds something to do every other time."""

    def __init__(self) -> None:
        self.found = [0, 3, 0]

    async def tend(self) -> int:
        return self.found.pop()


async def test_a_sweep_passes_its_point_when_it_found_something(
    capfd: pytest.CaptureFixture[str],
) -> None:
    orders = Failpoints.of("retention.tend.after=note@1")
    retention: Storage = with_points("retention", Tending(), orders, StorageUnavailableError)

    noted = [(await retention.tend(), capfd.readouterr().err) for _ in range(3)]

    assert noted == [(0, ""), (3, "failpoint retention.tend.after: note\n"), (0, "")]


def test_orders_are_read_as_they_are_written() -> None:
    assert orders_of("a.b=kill@3, c=stop", ("a.b", "c")) == {
        "a.b": Order(Deed.KILL, 3),
        "c": Order(Deed.STOP),
    }
    assert orders_of("*=note", ("a", "b")) == {"a": Order(Deed.NOTE), "b": Order(Deed.NOTE)}
    assert orders_of(" , ", ("a",)) == {}


@pytest.mark.parametrize("text", ["z=kill", "a", "a=", "a=die", "a=kill@0", "a=kill@x", "=kill"])
def test_an_order_that_cannot_be_carried_out_is_refused(text: str) -> None:
    with pytest.raises(UnknownFailpointError):
        orders_of(text, ("a",))


def test_nothing_is_put_on_without_an_order() -> None:
    adapter = InMemoryRequestClaims()

    assert with_points("claims", adapter, Failpoints.of(""), StorageUnavailableError) is adapter
    elsewhere = Failpoints.of("tools.run.before=kill")
    assert with_points("claims", adapter, elsewhere, StorageUnavailableError) is adapter


async def test_an_error_before_a_call_leaves_it_undone() -> None:
    port, adapter = claims("claims.claim.before=error")

    with pytest.raises(StorageUnavailableError):
        await port.claim(TENANT, REQUEST)

    assert adapter.requests.earlier(TENANT, REQUEST) is None


async def test_an_error_after_a_call_loses_its_answer_alone() -> None:
    port, adapter = claims("claims.claim.after=error")

    with pytest.raises(StorageUnavailableError):
        await port.claim(TENANT, REQUEST)

    assert adapter.requests.earlier(TENANT, REQUEST) is not None
    assert not await port.claim(TENANT, REQUEST)


async def test_an_order_is_carried_out_once_and_at_its_pass(
    capfd: pytest.CaptureFixture[str],
) -> None:
    port, _ = claims("claims.claim.before=note@2")

    await port.claim(TENANT, REQUEST)
    assert not capfd.readouterr().err
    await port.claim(TENANT, REQUEST)
    await port.claim(TENANT, REQUEST)

    assert capfd.readouterr().err == "failpoint claims.claim.before: note\n"


async def test_a_call_that_hangs_can_be_cancelled() -> None:
    port, adapter = claims("claims.claim.after=hang")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await port.claim(TENANT, REQUEST)

    assert adapter.requests.earlier(TENANT, REQUEST) is not None


PROGRAM = """
import asyncio
from adapters.failpoints.failpoints import Failpoints
asyncio.run(Failpoints.of("tools.run.after=kill").reach("tools.run.after", ValueError()))
"""


def test_a_process_that_is_killed_says_where() -> None:
    ended = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == -signal.SIGKILL
    assert ended.stderr == "failpoint tools.run.after: kill\n"


class Spoken:
    """A model that says two words."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk]:
        yield ModelText(request.capability.name)
        yield ModelText("two")
        yield ModelEnd(finish_reason="stop")


async def test_a_stream_passes_its_points_in_order(capfd: pytest.CaptureFixture[str]) -> None:
    model = LanguageModelWithPoints(Spoken(), Failpoints.of("*=note"))

    chunks = await chunks_of(model.stream(model_request(capability())))

    assert len(chunks) == 3
    assert capfd.readouterr().err.split()[1::3] == [f"{point}:" for point in MODEL_POINTS]


async def test_a_writer_passes_its_point_and_can_lose_its_answers(
    capfd: pytest.CaptureFixture[str],
) -> None:
    (point,) = WRITER_POINTS
    losing = writer_with(Failpoints.of(f"{point}=error"))

    await writer_with(Failpoints.of("tools.run.after=error")).before_answers()
    assert not capfd.readouterr().err
    with pytest.raises(StorageUnavailableError):
        await losing.before_answers()

    assert capfd.readouterr().err == f"failpoint {point}: error\n"


async def test_a_stream_can_break_off_in_its_middle() -> None:
    model = LanguageModelWithPoints(Spoken(), Failpoints.of("model.stream.middle=error"))
    stream = model.stream(model_request(capability()))

    assert await anext(stream) == ModelText("scripted-large")
    with pytest.raises(ModelFailedError):
        await anext(stream)
