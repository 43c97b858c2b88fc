"""The gRPC server of a process: its port, its options, and what it serves."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, final

import grpc
from google.protobuf import descriptor_pool
from grpc_channelz.v1 import channelz
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from entrypoints.failure import StartError
from entrypoints.grpc.handlers import SERVICES, handler_of
from entrypoints.grpc.methods import Method
from entrypoints.grpc.stopping import Stops
from entrypoints.settings.serving import ServerSettings

REFLECTION: Final = ("grpc.reflection.v1.ServerReflection", reflection.SERVICE_NAME)
"""Version 1 has the messages of its alpha, under another name; clients ask for either."""

_CHANNELZ: Final = "grpc.channelz.v1.Channelz"
_REFLECT: Final = "ServerReflectionInfo"

SERVING: Final = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING


NOWHERE: Final = ""
"""The address of a server that binds no port: that of a process which serves no clients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsMaterial:
    """PEM bytes; with `client_ca`, clients must show a certificate that it signed."""

    certificate: bytes
    key: bytes
    client_ca: bytes = b""


@final
class ApiServer:
    """A server that listens, and the health that it tells, per service and as a whole."""

    def __init__(self, server: grpc.aio.Server, port: int, names: tuple[str, ...]) -> None:
        self.port = port
        self._server = server
        self._stops = Stops(server.stop)
        self._names = ("", *names)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)

    async def start(self) -> None:
        """Accept connections, as not serving until `tell` says otherwise."""
        await self.tell(serving=False)
        await self._server.start()

    async def tell(self, *, serving: bool) -> None:
        """Tell those who watch the health of a service, or of all, how it is."""
        for name in self._names:
            await self._health.set(name, SERVING if serving else NOT_SERVING)

    async def leave(self) -> None:
        """Be not serving, for good."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, seconds: float) -> None:
        """Accept no more; cancel what still runs after so long. May be called again, for sooner."""
        await self._stops(seconds)


@asynccontextmanager
async def api_server(
    settings: ServerSettings,
    servicers: Mapping[str, object],
    methods: Mapping[str, Method],
    tls: TlsMaterial | None = None,
) -> AsyncGenerator[ApiServer]:
    """A server bound to its port; it accepts from its `start` to the end of the context.

    Args:
        settings: Where and how.
        servicers: What answers each service, by the service's full name.
        methods: The methods of the contract, by the type of their request.
        tls: Certificate and key; plaintext without.

    Raises:
        StartError: The port is taken, or the certificate is none.
    """
    server = grpc.aio.server(options=_options(settings))
    server.add_generic_rpc_handlers(
        [handler_of(SERVICES[name], servicer, methods) for name, servicer in servicers.items()]
    )
    port = _bind(server, settings, tls)
    api = ApiServer(server, port, tuple(servicers))
    if settings.reflection:
        server.add_generic_rpc_handlers(_reflection((*servicers, health.SERVICE_NAME)))
    observed = await _channelz(settings) if settings.channelz else None
    try:
        yield api
    finally:
        await api.stop(0)
        if observed is not None:
            await observed.stop(0)


def _options(settings: ServerSettings) -> list[tuple[str, int]]:
    def milliseconds(seconds: float) -> int:
        return round(seconds * 1000)

    return [
        # Alone on its port, a server must learn that the port is taken.
        ("grpc.so_reuseport", int(settings.workers > 1)),
        ("grpc.enable_channelz", int(settings.channelz)),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
        ("grpc.max_metadata_size", settings.max_metadata_bytes),
        ("grpc.absolute_max_metadata_size", settings.max_metadata_bytes),
        ("grpc.max_concurrent_streams", settings.max_streams_per_connection),
        ("grpc.keepalive_time_ms", milliseconds(settings.keepalive_seconds)),
        ("grpc.keepalive_timeout_ms", milliseconds(settings.keepalive_timeout_seconds)),
        # What is waited for after a ping is the longer of the two.
        ("grpc.http2.ping_timeout_ms", milliseconds(settings.keepalive_timeout_seconds)),
        ("grpc.keepalive_permit_without_calls", 1),
        (
            "grpc.http2.min_ping_interval_without_data_ms",
            milliseconds(settings.min_ping_interval_seconds),
        ),
        ("grpc.max_connection_idle_ms", milliseconds(settings.max_connection_idle_seconds)),
        ("grpc.max_connection_age_ms", milliseconds(settings.max_connection_age_seconds)),
        (
            "grpc.max_connection_age_grace_ms",
            milliseconds(settings.max_connection_age_grace_seconds),
        ),
    ]


def _bind(server: grpc.aio.Server, settings: ServerSettings, tls: TlsMaterial | None) -> int:
    if settings.address == NOWHERE:
        return 0
    try:
        if tls is None:
            return server.add_insecure_port(settings.address)
        return server.add_secure_port(settings.address, _credentials(tls))
    except RuntimeError:
        advice = "stop what listens there (another somagent?), or set server.address to another one"
        if tls is not None:
            advice += "; if the port is free, look at server.tls: certificate and key must match"
        raise StartError("grpc", f"{settings.address} cannot be listened on", advice) from None


def _credentials(tls: TlsMaterial) -> grpc.ServerCredentials:
    return grpc.ssl_server_credentials(
        [(tls.key, tls.certificate)],
        root_certificates=tls.client_ca or None,
        require_client_auth=bool(tls.client_ca),
    )


def _reflection(names: tuple[str, ...]) -> list[grpc.GenericRpcHandler]:
    servicer = reflection.aio.ReflectionServicer((*names, *REFLECTION))
    method = grpc.stream_stream_rpc_method_handler(
        getattr(servicer, _REFLECT),
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return [grpc.method_handlers_generic_handler(name, {_REFLECT: method}) for name in REFLECTION]


async def _channelz(settings: ServerSettings) -> grpc.aio.Server:
    server = grpc.aio.server()
    service = descriptor_pool.Default().FindServiceByName(_CHANNELZ)
    server.add_generic_rpc_handlers([handler_of(service, channelz.aio.ChannelzServicer(), {})])
    try:
        server.add_insecure_port(settings.channelz_address)
    except RuntimeError:
        what = f"{settings.channelz_address} cannot be listened on"
        raise StartError("channelz", what, "set server.channelz_address to another one") from None
    await server.start()
    return server
