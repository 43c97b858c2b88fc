"""What may be set about models: providers, what they offer, and the local one."""

from pathlib import Path

from pydantic import Field

from domain.capability.capability import Modality, ToolCalling
from domain.kernel.tier import Tier
from entrypoints.settings.values import (
    NO_FILE,
    Count,
    HttpUrl,
    Seconds,
    SecretReference,
    Section,
    Slug,
    Text,
    Usd,
)


class ModelSettings(Section):
    """A model of a provider: a capability that every tenant can choose."""

    name: Slug = Field(description="The capability's name.")
    model: Text = Field(description="What the provider calls it.")
    modality: Modality = Field(Modality.TEXT, description="What it serves.")
    model_tier: Tier = Field(Tier.STANDARD, description="How able it is.")
    cost_tier: Tier = Field(Tier.STANDARD, description="How dear it is.")
    context_window_tokens: int = Field(
        ge=1, le=100_000_000, description="Tokens of prompt and reply together."
    )
    tool_calling: ToolCalling = Field(
        ToolCalling.NATIVE,
        description="How it calls tools: natively, through a JSON schema, not at all.",
    )
    logprobs: bool = Field(False, description="Whether it gives token probabilities.")
    priority: int = Field(
        0, ge=-1000, le=1000, description="Among equals the greater is chosen first."
    )
    enabled: bool = Field(True, description="Whether it may be chosen at all.")
    input_usd_per_million_tokens: Usd = Field("0", description="Price of prompt tokens, USD.")
    cached_usd_per_million_tokens: Usd = Field("0", description="Price of cached ones, USD.")
    output_usd_per_million_tokens: Usd = Field("0", description="Price of reply tokens, USD.")


class ProviderSettings(Section):
    """A party that speaks the OpenAI chat-completions API."""

    name: Slug = Field(description="What capabilities call it.")
    base_url: HttpUrl = Field(
        description="With its version, as in `https://api.openai.com/v1`; without credentials."
    )
    api_key: SecretReference | None = Field(
        None, description="Its key as a secret reference; unset for one that asks for none."
    )
    connect_seconds: Seconds = Field(5, description="How long connecting may take.")
    first_byte_seconds: Seconds = Field(60, description="How long its first byte may take.")
    between_chunks_seconds: Seconds = Field(30, description="How long it may pause in a stream.")
    whole_seconds: Seconds = Field(300, description="How long a call may take.")
    connections: Count = Field(256, description="Connections open at once, in each process.")
    reply_bound_field: Text = Field(
        "max_tokens",
        description="What it calls the bound of the reply: the newest models of OpenAI want "
        "`max_completion_tokens`.",
    )
    sends_temperature: bool = Field(
        True, description="Off for models that refuse any temperature but their own."
    )
    models: tuple[ModelSettings, ...] = Field(description="What it offers.")


class LocalModelSettings(Section):
    """The model that the service carries and runs as a child process."""

    enabled: bool = Field(
        True,
        description="Whether it is offered. Profile embedded: on, where no provider is "
        "configured; profile standard: off.",
    )
    discover: bool = Field(
        True, description="Whether a model server found on this machine is offered instead."
    )
    weights_file: Path = Field(
        NO_FILE, description="A GGUF file; unset takes the weights that are installed beside."
    )
    threads: int = Field(1, ge=1, le=256, description="Threads: one is best on shared cores.")
    slots: int = Field(2, ge=1, le=64, description="Answers that are made at the same time.")
    context_tokens: int = Field(
        8192, ge=512, le=1_048_576, description="Tokens of prompt and reply together, for a slot."
    )
    start_seconds: Seconds = Field(30, description="How long it may take until it answers.")
