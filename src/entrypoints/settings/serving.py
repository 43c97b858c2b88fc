"""What may be set about the server: addresses, limits, connections, TLS."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from entrypoints.settings.values import (
    NO_FILE,
    Address,
    Bytes,
    Count,
    Seconds,
    SecretReference,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings:
    """TLS of the gRPC port: on when a certificate is set."""

    certificate_file: Annotated[
        Path,
        Field(
            description="PEM file with the server's certificate chain, its own first. TLS 1.3 is "
            "spoken, and 1.2 (forward secret, authenticated ciphers) with clients that know no "
            "other."
        ),
    ] = NO_FILE
    key: Annotated[
        SecretReference | None,
        Field(description="The certificate's private key, PEM, as a secret reference."),
    ] = None
    client_ca_file: Annotated[
        Path,
        Field(
            description="PEM file with the authorities of client certificates. When set, a client "
            "must show one (mTLS), besides its credential."
        ),
    ] = NO_FILE

    @property
    def on(self) -> bool:
        return self.certificate_file != NO_FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where and how the gRPC API is served."""

    address: Annotated[Address, Field(description="Where gRPC is served, `host:port`.")] = (
        "127.0.0.1:50051"
    )
    http_address: Annotated[
        Address,
        Field(
            description="Where /metrics, /livez and /readyz are served over HTTP. Worker N of "
            "several serves on this port plus N, counted from 0."
        ),
    ] = "127.0.0.1:9464"
    workers: Annotated[
        int, Field(ge=1, le=256, description="Server processes on the one gRPC port, one a core.")
    ] = 1
    in_flight_calls: Annotated[
        Count,
        Field(
            description="Calls that one process has in flight at most, streams included; more are "
            "refused with OVERLOADED before any work."
        ),
    ] = 1024
    in_flight_calls_per_tenant: Annotated[
        Count, Field(description="The same for one tenant, so that none can take the whole room.")
    ] = 512
    max_message_bytes: Annotated[
        Bytes, Field(description="Bytes of one request or answer at most.")
    ] = 4 * 1024 * 1024
    max_metadata_bytes: Annotated[
        Bytes, Field(description="Bytes of one call's metadata at most.")
    ] = 16 * 1024
    max_streams_per_connection: Annotated[
        Count, Field(description="Calls in flight on one connection at most; further ones wait.")
    ] = 1000
    keepalive_seconds: Annotated[
        Seconds,
        Field(description="After so long without traffic a connection is asked whether it lives."),
    ] = 60
    keepalive_timeout_seconds: Annotated[
        Seconds, Field(description="It is closed when it has not answered after this time.")
    ] = 20
    min_ping_interval_seconds: Annotated[
        Seconds, Field(description="A client that asks more often than this is disconnected.")
    ] = 10
    max_connection_idle_seconds: Annotated[
        Seconds, Field(description="A connection without calls is closed after this time.")
    ] = 3600
    max_connection_age_seconds: Annotated[
        Seconds,
        Field(
            description="A connection is told to come again after this time, so that load spreads "
            "over new servers; its calls go on for the grace."
        ),
    ] = 1800
    max_connection_age_grace_seconds: Annotated[
        Seconds,
        Field(description="How long calls may go on after the age; longer than the longest turn."),
    ] = 360
    drain_seconds: Annotated[
        Seconds,
        Field(
            description="After SIGTERM turns may end for so long; those that have not are handed "
            "back, and another server goes on with them."
        ),
    ] = 45
    reflection: Annotated[
        bool,
        Field(description="Whether the contract can be read from the server (grpcurl, buf curl)."),
    ] = True
    channelz: Annotated[
        bool,
        Field(
            description="Whether a channelz service shows connections and calls, on the loopback "
            "address `channelz_address` alone."
        ),
    ] = False
    channelz_address: Annotated[
        Address, Field(description="Where channelz is served when it is on.")
    ] = "127.0.0.1:50052"
    tls: TlsSettings = TlsSettings()
