"""What may be set about models: providers, what they offer, and the local one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from domain.capability.capability import Modality, ToolCalling
from domain.kernel.tier import Tier
from entrypoints.settings.values import (
    NO_FILE,
    Count,
    HttpUrl,
    Seconds,
    SecretReference,
    Slug,
    Text,
    Usd,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """A model of a provider: a capability that every tenant can choose."""

    name: Annotated[Slug, Field(description="The capability's name.")]
    model: Annotated[Text, Field(description="What the provider calls it.")]
    modality: Annotated[Modality, Field(description="What it serves.")] = Modality.TEXT
    model_tier: Annotated[Tier, Field(description="How able it is.")] = Tier.STANDARD
    cost_tier: Annotated[Tier, Field(description="How dear it is.")] = Tier.STANDARD
    context_window_tokens: Annotated[
        int, Field(ge=1, le=100_000_000, description="Tokens of prompt and reply together.")
    ]
    tool_calling: Annotated[
        ToolCalling,
        Field(description="How it calls tools: natively, through a JSON schema, not at all."),
    ] = ToolCalling.NATIVE
    logprobs: Annotated[bool, Field(description="Whether it gives token probabilities.")] = False
    priority: Annotated[
        int, Field(ge=-1000, le=1000, description="Among equals the greater is chosen first.")
    ] = 0
    enabled: Annotated[bool, Field(description="Whether it may be chosen at all.")] = True
    input_usd_per_million_tokens: Annotated[
        Usd, Field(description="Price of prompt tokens, USD.")
    ] = "0"
    cached_usd_per_million_tokens: Annotated[
        Usd, Field(description="Price of cached ones, USD.")
    ] = "0"
    output_usd_per_million_tokens: Annotated[
        Usd, Field(description="Price of reply tokens, USD.")
    ] = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """A party that speaks the OpenAI chat-completions API."""

    name: Annotated[Slug, Field(description="What capabilities call it.")]
    base_url: Annotated[
        HttpUrl,
        Field(
            description="With its version, as in `https://api.openai.com/v1`; without credentials."
        ),
    ]
    api_key: Annotated[
        SecretReference | None,
        Field(description="Its key as a secret reference; unset for one that asks for none."),
    ] = None
    connect_seconds: Annotated[Seconds, Field(description="How long connecting may take.")] = 5
    first_byte_seconds: Annotated[
        Seconds, Field(description="How long its first byte may take.")
    ] = 60
    between_chunks_seconds: Annotated[
        Seconds, Field(description="How long it may pause in a stream.")
    ] = 30
    whole_seconds: Annotated[Seconds, Field(description="How long a call may take.")] = 300
    connections: Annotated[
        Count, Field(description="Connections open at once, in each process.")
    ] = 256
    reply_bound_field: Annotated[
        Text,
        Field(
            description="What it calls the bound of the reply: the newest models of OpenAI want "
            "`max_completion_tokens`."
        ),
    ] = "max_tokens"
    sends_temperature: Annotated[
        bool, Field(description="Off for models that refuse any temperature but their own.")
    ] = True
    models: Annotated[tuple[ModelSettings, ...], Field(description="What it offers.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModelSettings:
    """The model that the service carries and runs as a child process."""

    enabled: Annotated[
        bool,
        Field(
            description="Whether it is offered. Profile embedded: on, where no provider is "
            "configured; profile standard: off."
        ),
    ] = True
    discover: Annotated[
        bool, Field(description="Whether a model server found on this machine is offered instead.")
    ] = True
    weights_file: Annotated[
        Path, Field(description="A GGUF file; unset takes the weights that are installed beside.")
    ] = NO_FILE
    threads: Annotated[
        int, Field(ge=1, le=256, description="Threads: one is best on shared cores.")
    ] = 1
    slots: Annotated[
        int, Field(ge=1, le=64, description="Answers that are made at the same time.")
    ] = 2
    context_tokens: Annotated[
        int,
        Field(ge=512, le=1_048_576, description="Tokens of prompt and reply together, for a slot."),
    ] = 8192
    start_seconds: Annotated[
        Seconds, Field(description="How long it may take until it answers.")
    ] = 30
