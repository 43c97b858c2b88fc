"""What may be set about the database, turns, receipts, capsules, telemetry and secrets."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from entrypoints.settings.places import data_home
from entrypoints.settings.values import (
    NO_FILE,
    Count,
    LogFormat,
    LogLevel,
    Ratio,
    Seconds,
    SecretReference,
    Text,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSettings:
    """One login of a database."""

    url: Annotated[
        Text,
        Field(
            description="libpq URL or conninfo, without a password: `postgresql://user@host/name`."
        ),
    ] = ""
    password: Annotated[
        SecretReference | None, Field(description="The login's password as a secret reference.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """PostgreSQL: one that the service carries (embedded), or one by URL (standard)."""

    data_folder: Annotated[Path, Field(description="Where the embedded server keeps its data.")] = (
        field(default_factory=lambda: data_home() / "postgres")
    )
    owner: Annotated[
        LoginSettings, Field(description="The login that migrates and owns the tables.")
    ] = LoginSettings()
    request: Annotated[
        LoginSettings, Field(description="The login of requests: sees one tenant's rows at a time.")
    ] = LoginSettings()
    writer: Annotated[
        LoginSettings,
        Field(description="The login of the writer: sees the rows of its batch's tenants."),
    ] = LoginSettings()
    request_connections: Annotated[
        Count, Field(description="Connections of requests, in each process.")
    ] = 8
    writer_connections: Annotated[
        Count, Field(description="Connections of the writer, in each process.")
    ] = 4
    connect_seconds: Annotated[Seconds, Field(description="How long connecting may take.")] = 5
    wait_seconds: Annotated[
        Seconds,
        Field(
            description="How long a call waits for a free connection before DATABASE_UNAVAILABLE."
        ),
    ] = 5
    statement_seconds: Annotated[Seconds, Field(description="How long one statement may take.")] = (
        30
    )
    lock_seconds: Annotated[
        Seconds, Field(description="How long a statement waits for a lock.")
    ] = 5
    idle_in_transaction_seconds: Annotated[
        Seconds,
        Field(description="How long a transaction may do nothing before the server ends it."),
    ] = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSettings:
    """How turns are driven."""

    deadline_seconds: Annotated[
        float,
        Field(
            gt=0, le=300, description="The longest a turn may take, whatever its client asks for."
        ),
    ] = 300
    lease_seconds: Annotated[
        float,
        Field(
            ge=1,
            le=300,
            description="A server that was silent for so long has lost its turns to another.",
        ),
    ] = 30
    keep_interval_seconds: Annotated[
        float,
        Field(
            ge=0.05,
            le=5,
            description="How often a server looks after its turns (leases, events, cancellations); "
            "a third of the lease at most.",
        ),
    ] = 0.25
    sweep_interval_seconds: Annotated[
        float,
        Field(
            ge=0.1, le=300, description="How often lost turns are looked for; spread by a third."
        ),
    ] = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptSettings:
    """How records are sealed."""

    signing_key: Annotated[
        SecretReference,
        Field(
            description="The Ed25519 private key that signs receipts, 64 hexadecimal digits; "
            "the embedded profile makes one at its first start."
        ),
    ] = "secret:receipt-signing-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapsuleSettings:
    """Whose capsules are taken."""

    trusted_keys_folder: Annotated[
        Path,
        Field(
            description="A folder of Ed25519 public keys, 64 hexadecimal digits in each `.pub` "
            "file: capsules signed by one of them are taken. The embedded profile trusts its own "
            "author key besides."
        ),
    ] = NO_FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySettings:
    """What is told about the service: never what users say."""

    log_level: Annotated[
        LogLevel, Field(description="The least severe lines that are written.")
    ] = LogLevel.INFO
    log_format: Annotated[
        LogFormat,
        Field(
            description="`json` lines, `text` for people, or `auto`: json in mode prod, else text."
        ),
    ] = LogFormat.AUTO
    access_log_ratio: Annotated[
        Ratio,
        Field(
            description="The share of calls that leave a line in the log; failures of the server "
            "always do."
        ),
    ] = 0.01
    trace_ratio: Annotated[
        Ratio,
        Field(
            description="The share of traces that are recorded where the caller did not decide it."
        ),
    ] = 0.01
    otlp_endpoint: Annotated[
        Text,
        Field(
            description="Where spans are sent over OTLP/HTTP, as in "
            "`http://collector:4318/v1/traces`; empty sends none."
        ),
    ] = ""
    otlp_headers: Annotated[
        SecretReference | None,
        Field(description="Headers of the export, `name=value,name=value`, as a secret reference."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSettings:
    """Where secrets are kept, apart from the settings."""

    store_folder: Annotated[
        Path,
        Field(
            description="The encrypted store of this machine, and its key unless a keyring has it."
        ),
    ] = field(default_factory=lambda: data_home() / "secrets")
    mounted_folder: Annotated[
        Path,
        Field(
            description="A folder with one file a secret, as containers mount it; looked at first."
        ),
    ] = Path("/run/secrets/somagent")
    paging_key: Annotated[
        SecretReference,
        Field(
            description="The key that signs page tokens, the same on every server; made at the "
            "first start where the store can be written."
        ),
    ] = "secret:paging-key"
