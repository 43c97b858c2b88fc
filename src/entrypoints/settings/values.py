"""The kinds of values that settings have, with their bounds."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AnyHttpUrl, Field, StringConstraints

Seconds: TypeAlias = Annotated[float, Field(gt=0, le=86_400)]
Bytes: TypeAlias = Annotated[int, Field(ge=1, le=1 << 30)]
Count: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000)]
Ratio: TypeAlias = Annotated[float, Field(ge=0, le=1)]
Usd: TypeAlias = Annotated[str, StringConstraints(pattern=r"^\d{1,6}(\.\d{1,9})?$")]
Slug: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Text: TypeAlias = Annotated[str, StringConstraints(max_length=1024, pattern=r"^[^\x00-\x1f\x7f]*$")]
HttpUrl: TypeAlias = AnyHttpUrl
Address: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+):\d{1,5}$")
]
"""`host:port`; an IPv6 host stands in brackets. Port 0 takes any free one."""

SecretReference: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^secret:[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")
]
"""The name of a secret in the secret store. Secrets themselves are never settings."""

NO_FILE = Path()
"""A path that is not set."""


class Profile(StrEnum):
    EMBEDDED = "embedded"
    STANDARD = "standard"


class Mode(StrEnum):
    DEV = "dev"
    TEST = "test"
    PROD = "prod"


class LogFormat(StrEnum):
    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def host_of(address: str) -> str:
    """The host of `host:port`, without the brackets of IPv6."""
    return address.rpartition(":")[0].strip("[]")


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach it."""
    return host in {"localhost", "::1"} or host.startswith("127.")
