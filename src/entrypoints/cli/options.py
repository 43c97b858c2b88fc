"""The options that several commands have, each defined once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Address: TypeAlias = Annotated[
    str,
    typer.Option(
        envvar="SOMA_ADDRESS",
        help="The server, host:port. Unset: the one last used, else 127.0.0.1:50051.",
    ),
]
Key: TypeAlias = Annotated[
    str,
    typer.Option(
        envvar="SOMA_API_KEY",
        help="The API key. Unset: the one last used with that server.",
    ),
]
Authority: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        help="PEM file of the authority that signed the server's certificate.",
    ),
]
Plaintext: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--plaintext",
        help="Do not encrypt, although the server is on another machine.",
    ),
]
JsonFlag: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Write JSON for scripts, errors too.")
]
Config: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="The TOML file of settings. Unset: SOMAGENT_CONFIG, else the system's places.",
    ),
]


class ProfileName(StrEnum):
    EMBEDDED = "embedded"
    STANDARD = "standard"


HttpAddress: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Where /metrics, /livez and /readyz are served. Unset: as set.",
    ),
]
Profile: TypeAlias = Annotated[
    ProfileName | None, typer.Option("--profile", help="Which engines the service brings along.")
]
Tenant: TypeAlias = Annotated[
    str, typer.Option(help="The tenant's slug. Unset: the one last used.")
]
PublicKeys: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--public-key",
        "--key",
        help="A public key: 64 hexadecimal digits, or a file with them. May be given again.",
    ),
]
