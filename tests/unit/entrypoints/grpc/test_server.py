"""The server as a whole: health, reflection, limits, TLS, and a port that is taken."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import ip_address

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from entrypoints.failure import StartError
from entrypoints.grpc.server import REFLECTION, TlsMaterial
from entrypoints.settings.serving import ServerSettings
from somagent.memory.v1 import memory_pb2 as pb
from tests.doubles import until
from tests.fakes import NOON
from tests.sdk.gate import gate_to
from tests.unit.entrypoints.grpc.rig import MEMORY, Rig, call, reason_in, serving

RECALL = pb.RecallRequest(parent="tenants/acme", cue="x")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def test_health_is_told_per_service_and_watched() -> None:
    rig = Rig()
    async with (
        serving(rig) as (_, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        watch = channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )(health_pb2.HealthCheckRequest(service=MEMORY))
        answers = aiter(watch)
        seen = [(await anext(answers)).status]
        await server.tell(serving=True)
        seen.append((await anext(answers)).status)
        await server.leave()
        seen.append((await anext(answers)).status)
        watch.cancel()

    assert seen == [NOT_SERVING, SERVING, NOT_SERVING]


async def test_a_call_over_a_connection_that_died_silently_is_given_up() -> None:
    rig, entered = Rig(), asyncio.Event()
    settings = ServerSettings(
        address="127.0.0.1:0", keepalive_seconds=0.2, keepalive_timeout_seconds=3.0
    )

    async def hold() -> None:
        entered.set()
        await asyncio.Event().wait()

    async with (
        serving(rig, settings) as (memories, server),
        gate_to(f"127.0.0.1:{server.port}") as gate,
        grpc.aio.insecure_channel(gate.address) as channel,
    ):
        memories.before = hold
        calling = asyncio.create_task(call(channel, RECALL, key=rig.member))
        await until(entered.is_set)
        gate.block()
        await until(lambda: rig.admission.in_flight == 0)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling


@pytest.mark.parametrize("name", REFLECTION)
async def test_the_contract_can_be_read_by_either_name_of_reflection(name: str) -> None:
    async def asked() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        yield reflection_pb2.ServerReflectionRequest(file_containing_symbol=MEMORY)

    async with (
        serving(Rig()) as (_, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        stub = channel.stream_stream(
            f"/{name}/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        services, files = [answer async for answer in stub(asked())]

    listed = {one.name for one in services.list_services_response.service}
    assert {MEMORY, "grpc.health.v1.Health", *REFLECTION} == listed
    assert files.file_descriptor_response.file_descriptor_proto


async def test_reflection_can_be_switched_off() -> None:
    settings = ServerSettings(address="127.0.0.1:0", reflection=False)
    async with (
        serving(Rig(), settings) as (_, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(channel, RECALL, method=f"{REFLECTION[0]}/ServerReflectionInfo")

    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_message_above_the_limit_is_refused() -> None:
    rig = Rig()
    settings = ServerSettings(address="127.0.0.1:0", max_message_bytes=1000)
    async with (
        serving(rig, settings) as (_, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(
                channel, pb.RecallRequest(parent="tenants/acme", cue="x" * 2000), key=rig.member
            )

    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in str(error.value.details())


async def test_metadata_above_the_limit_are_refused() -> None:
    rig = Rig()
    settings = ServerSettings(address="127.0.0.1:0", max_metadata_bytes=1000)
    async with (
        serving(rig, settings) as (memories, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError):
            await call(channel, RECALL, key=rig.member, headers=(("x-long", "x" * 2000),))

    assert memories.callers == []


async def test_a_port_that_is_taken_is_said_to_be() -> None:
    rig = Rig()
    async with serving(rig) as (_, server):
        taken = ServerSettings(address=f"127.0.0.1:{server.port}")
        with pytest.raises(StartError) as error:
            async with serving(rig, taken):
                pass

    assert error.value.step == "grpc"
    assert str(server.port) in error.value.what
    assert "server.address" in error.value.advice


async def test_several_workers_share_one_port() -> None:
    rig = Rig()
    async with serving(rig, ServerSettings(address="127.0.0.1:0", workers=2)) as (_, first):
        shared = ServerSettings(address=f"127.0.0.1:{first.port}", workers=2)
        async with serving(rig, shared) as (_, second):
            assert second.port == first.port


async def test_channelz_is_served_apart_when_it_is_on() -> None:
    settings = ServerSettings(address="127.0.0.1:0", channelz=True, channelz_address="127.0.0.1:0")
    async with serving(Rig(), settings) as (_, server):
        assert server.port


def pair(
    name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate and its key: an authority's own, or one that it issued for this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    authority, signer = issuer or (None, key)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOON - timedelta(days=10_000))
        .not_valid_after(NOON + timedelta(days=10_000))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    return certificate, key


def pem(one: tuple[x509.Certificate, ec.EllipticCurvePrivateKey]) -> tuple[bytes, bytes]:
    certificate, key = one
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


async def test_with_tls_and_a_client_authority_only_its_clients_get_in() -> None:
    rig = Rig()
    authority = pair("authority")
    root, _ = pem(authority)
    chain, key = pem(pair("server", authority))
    client_chain, client_key = pem(pair("client", authority))
    tls = TlsMaterial(certificate=chain, key=key, client_ca=root)
    known = grpc.ssl_channel_credentials(root, client_key, client_chain)
    unknown = grpc.ssl_channel_credentials(root)
    async with serving(rig, tls=tls) as (memories, server):
        address = f"127.0.0.1:{server.port}"
        async with grpc.aio.secure_channel(address, known) as channel:
            await call(channel, RECALL, key=rig.member)
        for credentials in (unknown, None):
            channel = (
                grpc.aio.secure_channel(address, credentials)
                if credentials
                else grpc.aio.insecure_channel(address)
            )
            async with channel:
                with pytest.raises(grpc.aio.AioRpcError) as error:
                    await call(channel, RECALL, key=rig.member)
            assert error.value.code() is grpc.StatusCode.UNAVAILABLE

    assert len(memories.callers) == 1


async def test_a_certificate_that_is_none_is_said_to_be() -> None:
    with pytest.raises(StartError) as error:
        async with serving(Rig(), tls=TlsMaterial(certificate=b"x", key=b"y")):
            pass

    assert "server.tls" in error.value.advice


async def test_calls_of_a_method_that_does_not_exist_are_refused_by_grpc_itself() -> None:
    rig = Rig()
    async with (
        serving(rig) as (_, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(channel, RECALL, key=rig.member, method="Dream")

    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_calls_at_the_same_time_do_not_mix_their_callers() -> None:
    rig = Rig()
    other = rig.ring.key(rig.ring.tenants["platform"].id, "platform", "administrator")
    platform = pb.RecallRequest(parent="tenants/platform", cue="x")
    async with (
        serving(rig) as (memories, server),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        await asyncio.gather(
            *(call(channel, RECALL, key=rig.member) for _ in range(4)),
            *(call(channel, platform, key=other) for _ in range(4)),
        )
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call(channel, platform, key=rig.member)

    assert sorted(caller.tenant for caller in memories.callers) == ["acme"] * 4 + ["platform"] * 4
    assert reason_in(error.value) == "TENANT_NOT_FOUND"
