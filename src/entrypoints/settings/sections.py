"""What may be set about the server, its database and its turns, with units and meaning."""

from pathlib import Path

from platformdirs import user_data_path
from pydantic import Field

from entrypoints.settings.values import (
    NO_FILE,
    Address,
    Bytes,
    Count,
    LogFormat,
    LogLevel,
    Ratio,
    Seconds,
    SecretReference,
    Section,
    Text,
)


class TlsSettings(Section):
    """TLS of the gRPC port: on when a certificate is set."""

    certificate_file: Path = Field(
        NO_FILE, description="PEM file with the server's certificate chain, its own first."
    )
    key: SecretReference | None = Field(
        None, description="The certificate's private key, PEM, as a secret reference."
    )
    client_ca_file: Path = Field(
        NO_FILE,
        description="PEM file with the authorities of client certificates. When set, a client "
        "must show one (mTLS), besides its credential.",
    )

    @property
    def on(self) -> bool:
        return self.certificate_file != NO_FILE


class ServerSettings(Section):
    """Where and how the gRPC API is served."""

    address: Address = Field("127.0.0.1:50051", description="Where gRPC is served, `host:port`.")
    http_address: Address = Field(
        "127.0.0.1:9464",
        description="Where /metrics, /livez and /readyz are served over HTTP. Worker N of "
        "several serves on this port plus N, counted from 0.",
    )
    workers: int = Field(
        1, ge=1, le=256, description="Server processes on the one gRPC port, one a core."
    )
    in_flight_calls: Count = Field(
        1024,
        description="Calls that one process has in flight at most, streams included; more are "
        "refused with OVERLOADED before any work.",
    )
    in_flight_calls_per_tenant: Count = Field(
        512, description="The same for one tenant, so that none can take the whole room."
    )
    max_message_bytes: Bytes = Field(
        4 * 1024 * 1024, description="Bytes of one request or answer at most."
    )
    max_metadata_bytes: Bytes = Field(
        16 * 1024, description="Bytes of one call's metadata at most."
    )
    max_streams_per_connection: Count = Field(
        1000, description="Calls in flight on one connection at most; further ones wait."
    )
    keepalive_seconds: Seconds = Field(
        60, description="After so long without traffic a connection is asked whether it lives."
    )
    keepalive_timeout_seconds: Seconds = Field(
        20, description="It is closed when it has not answered after this time."
    )
    min_ping_interval_seconds: Seconds = Field(
        10, description="A client that asks more often than this is disconnected."
    )
    max_connection_idle_seconds: Seconds = Field(
        3600, description="A connection without calls is closed after this time."
    )
    max_connection_age_seconds: Seconds = Field(
        1800,
        description="A connection is told to come again after this time, so that load spreads "
        "over new servers; its calls go on for the grace.",
    )
    max_connection_age_grace_seconds: Seconds = Field(
        360, description="How long calls may go on after the age; longer than the longest turn."
    )
    drain_seconds: Seconds = Field(
        45,
        description="After SIGTERM turns may end for so long; those that have not are handed back "
        "for another server to take.",
    )
    reflection: bool = Field(
        True, description="Whether the contract can be read from the server (grpcurl, buf curl)."
    )
    channelz: bool = Field(
        False,
        description="Whether a channelz service shows connections and calls, on the loopback "
        "address `channelz_address` alone.",
    )
    channelz_address: Address = Field(
        "127.0.0.1:50052", description="Where channelz is served when it is on."
    )
    tls: TlsSettings = TlsSettings()


class LoginSettings(Section):
    """One login of a database."""

    url: Text = Field(
        "",
        description="libpq URL or conninfo, without a password: `postgresql://user@host/name`.",
    )
    password: SecretReference | None = Field(
        None, description="The login's password as a secret reference."
    )


class DatabaseSettings(Section):
    """PostgreSQL: one that the service carries (embedded), or one by URL (standard)."""

    data_folder: Path = Field(
        default_factory=lambda: user_data_path("somagent") / "postgres",
        description="Where the embedded server keeps its data.",
    )
    owner: LoginSettings = Field(
        LoginSettings(), description="The login that migrates and owns the tables."
    )
    request: LoginSettings = Field(
        LoginSettings(), description="The login of requests: sees one tenant's rows at a time."
    )
    writer: LoginSettings = Field(
        LoginSettings(), description="The login of the writer: sees the rows of its batch's tenants."
    )
    request_connections: Count = Field(8, description="Connections of requests, in each process.")
    writer_connections: Count = Field(4, description="Connections of the writer, in each process.")
    connect_seconds: Seconds = Field(5, description="How long connecting may take.")
    wait_seconds: Seconds = Field(
        5, description="How long a call waits for a free connection before DATABASE_UNAVAILABLE."
    )
    statement_seconds: Seconds = Field(30, description="How long one statement may take.")
    lock_seconds: Seconds = Field(5, description="How long a statement waits for a lock.")
    idle_in_transaction_seconds: Seconds = Field(
        30, description="How long a transaction may do nothing before the server ends it."
    )


class TurnSettings(Section):
    """How turns are driven."""

    deadline_seconds: float = Field(
        300, gt=0, le=300, description="The longest a turn may take, whatever its client asks for."
    )
    lease_seconds: float = Field(
        30,
        ge=3,
        le=300,
        description="A server that was silent for so long has lost its turns to another.",
    )
    keep_interval_seconds: float = Field(
        0.25,
        ge=0.05,
        le=5,
        description="How often a server looks after its turns: leases, events, cancellations.",
    )
    sweep_interval_seconds: float = Field(
        5, ge=0.1, le=300, description="How often lost turns are looked for; spread by a third."
    )
    max_waiting: int = Field(
        10,
        ge=1,
        le=100,
        description="Messages that wait in a session that queues and does not say how many.",
    )


class ReceiptSettings(Section):
    """How records are sealed."""

    signing_key: SecretReference = Field(
        "secret:receipt-signing-key",
        description="The Ed25519 private key that signs receipts, PEM; the embedded profile makes "
        "one at its first start.",
    )
    seal_interval_seconds: float = Field(
        0.9, ge=0.05, le=60, description="How often the sealer looks without being rung."
    )


class CapsuleSettings(Section):
    """Whose capsules are taken."""

    trusted_keys_folder: Path = Field(
        NO_FILE,
        description="A folder of Ed25519 public keys, PEM, one a file: capsules signed by one of "
        "them are taken. The embedded profile trusts its own author key besides.",
    )


class TelemetrySettings(Section):
    """What is told about the service: never what users say."""

    log_level: LogLevel = Field(LogLevel.INFO, description="The least severe lines that are written.")
    log_format: LogFormat = Field(
        LogFormat.AUTO,
        description="`json` lines, `text` for people, or `auto`: json in mode prod, else text.",
    )
    access_log_ratio: Ratio = Field(
        0.01,
        description="The share of calls that leave a line in the log; failures of the server "
        "always do.",
    )
    trace_ratio: Ratio = Field(
        0.01,
        description="The share of traces that are recorded where the caller did not decide it.",
    )
    otlp_endpoint: Text = Field(
        "",
        description="Where spans are sent over OTLP/HTTP, as in `http://collector:4318/v1/traces`; "
        "empty sends none.",
    )
    otlp_headers: SecretReference | None = Field(
        None, description="Headers of the export, `name=value,name=value`, as a secret reference."
    )
    content: bool = Field(
        False,
        description="Whether spans carry what users and models say, redacted. Refused in mode prod.",
    )


class SecretSettings(Section):
    """Where secrets are kept, apart from the settings."""

    store_folder: Path = Field(
        default_factory=lambda: user_data_path("somagent") / "secrets",
        description="The encrypted store of this machine, and its key unless a keyring has it.",
    )
    mounted_folder: Path = Field(
        Path("/run/secrets/somagent"),
        description="A folder with one file a secret, as containers mount them; looked at first.",
    )
    page_token_key: SecretReference = Field(
        "secret:page-token-key",
        description="The key that signs page tokens, the same on every server; made at the first "
        "start where the store can be written.",
    )
