"""What may be set about tools: those that others serve over HTTP."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import Field, StringConstraints

from entrypoints.settings.values import Bytes, HttpUrl, SecretReference, Text

ToolName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Schema: TypeAlias = Annotated[str, StringConstraints(min_length=2, max_length=65_536)]
FieldName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
StatusUrl: TypeAlias = Annotated[
    str, StringConstraints(max_length=2048, pattern=r"^(https?://[^\s/?#@]+(/[^\s#]*)?)?$")
]


class KeyIn(StrEnum):
    HEADER = "header"
    ARGUMENT = "argument"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpToolSettings:
    """A tool that another program serves; docs/tools.md says what it must do."""

    name: Annotated[
        ToolName, Field(description="Its identifier: 1 to 64 of A-Z, a-z, 0-9, underscore, dash.")
    ]
    description: Annotated[Text, Field(description="What it does, as models read it.")]
    url: Annotated[
        HttpUrl,
        Field(description="Where its arguments are posted as JSON; without credentials."),
    ]
    input_schema: Annotated[
        Schema, Field(description="The JSON Schema (2020-12) of its arguments, as JSON.")
    ] = '{"type": "object"}'
    effect: Annotated[
        bool,
        Field(description="Whether it changes anything. Without an effect it may run any time."),
    ] = True
    dangerous: Annotated[
        bool, Field(description="Whether capsules of middle autonomy wait for a person.")
    ] = False
    idempotent: Annotated[
        bool,
        Field(description="Whether one key takes effect once, however often it is sent."),
    ] = False
    key_in: Annotated[KeyIn, Field(description="Where the idempotency key goes.")] = KeyIn.HEADER
    key_name: Annotated[FieldName, Field(description="The name of that header or argument.")] = (
        "Idempotency-Key"
    )
    status_url: Annotated[
        StatusUrl,
        Field(
            description="Where it tells what became of a key, which is in the key's header and "
            "stands for `{key}`; empty where it cannot be asked."
        ),
    ] = ""
    timeout_seconds: Annotated[
        float, Field(gt=0, le=30, description="How long one request may take.")
    ] = 20
    max_result_bytes: Annotated[
        Bytes, Field(description="What is taken of an answer; the rest is cut.")
    ] = 64 * 1024
    authorization: Annotated[
        SecretReference | None,
        Field(
            description="The value of the header Authorization, as in `Bearer …`, as a secret "
            "reference."
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSettings:
    """Tools beside those of the service itself."""

    http: Annotated[
        tuple[HttpToolSettings, ...], Field(description="Tools that others serve over HTTP.")
    ] = ()
