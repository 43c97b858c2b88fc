"""The models that this server offers: its own, configured providers, and servers found nearby."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

from adapters.llama.errors import LocalModelError
from adapters.llama.local_model import PROVIDER as LOCAL
from adapters.llama.local_model import LocalModel
from adapters.llama.server import LlamaTerms, Progress, open_llama_server
from adapters.openai.discovery import FoundServer, discover
from adapters.openai.language_model import OpenAiLanguageModel
from adapters.openai.provider import KeySource, Patience, Provider, no_key
from adapters.openai.router import LanguageModelRouter, TokenCounterRouter
from adapters.openai.session import open_session
from adapters.openai.token_counter import EstimatingTokenCounter, LlamaTokenCounter
from application.conversation.ports.models import LanguageModel, TokenCounter
from application.kernel.ports import Clock
from domain.capability.capability import Capability, Modality
from domain.kernel.provider_price import ProviderPrice
from domain.kernel.tier import Tier
from entrypoints.assembly.secrets import SecretKeeper
from entrypoints.failure import StartError
from entrypoints.settings.models import LocalModelSettings, ModelSettings, ProviderSettings
from entrypoints.settings.settings import Settings
from entrypoints.settings.values import NO_FILE

FOUND_WINDOW = 4096
"""Tokens that a found server's model is taken to hold when it does not tell."""

LOCAL_FIRST_BYTE_SECONDS = 180.0
"""A long prompt on one thread, behind others that wait for a slot, takes its time."""

LOCAL_KEEPALIVE_SECONDS = 4.0
"""llama.cpp closes an idle connection after five seconds."""

ABOVE_LOCAL = 10
"""A found server goes before the small model that we carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    model: LanguageModel
    counter: TokenCounter
    capabilities: tuple[Capability, ...]
    providers: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A provider to open, what it offers, and whether its server counts tokens."""

    provider: Provider
    capabilities: tuple[Capability, ...]
    counts: bool = False


@asynccontextmanager
async def open_local_model(
    settings: Settings, progress: Callable[[str], None]
) -> AsyncGenerator[LocalModel | None]:
    """Start the model that the service carries, where it is wanted; once for all workers.

    Raises:
        StartError: It cannot be started.
    """
    if not settings.runs_local_model:
        yield None
        return
    local = settings.local_model

    def report(step: Progress) -> None:
        progress(step.value)

    try:
        async with open_llama_server(_terms(local), report) as server:
            yield server.model
    except LocalModelError as error:
        raise StartError(
            "model", str(error), "or switch it off: SOMAGENT_LOCAL_MODEL__ENABLED=false"
        ) from error


async def upstreams(
    settings: Settings, local: LocalModel | None, secrets: SecretKeeper
) -> tuple[Upstream, ...]:
    """Everything that is configured or found."""
    found = [] if local is None else [_local(local)]
    found += [_configured(one, secrets) for one in settings.providers]
    if settings.local_model.discover and settings.runs_local_model:
        found += [_found(server) for server in await discover()]
    return tuple(found)


@asynccontextmanager
async def open_models(upstreams: tuple[Upstream, ...], clock: Clock) -> AsyncGenerator[Models]:
    """Open the connections of one process to its providers."""
    async with AsyncExitStack() as lifetimes:
        models: dict[str, LanguageModel] = {}
        counters: dict[str, TokenCounter] = {}
        for upstream in upstreams:
            session = await lifetimes.enter_async_context(open_session(upstream.provider))
            models[upstream.provider.name] = OpenAiLanguageModel(session, clock)
            if upstream.counts:
                counters[upstream.provider.name] = LlamaTokenCounter(session)
        yield Models(
            model=LanguageModelRouter(models),
            counter=TokenCounterRouter(counters, EstimatingTokenCounter()),
            capabilities=tuple(one for upstream in upstreams for one in upstream.capabilities),
            providers=frozenset(models),
        )


def _terms(local: LocalModelSettings) -> LlamaTerms:
    return LlamaTerms(
        window=local.context_tokens,
        slots=local.slots,
        threads=local.threads,
        start=local.start_seconds,
        weights=None if local.weights_file == NO_FILE else local.weights_file,
    )


def _local(local: LocalModel) -> Upstream:
    return Upstream(
        provider=Provider(
            name=LOCAL,
            socket=local.socket,
            api_key=local.api_key,
            patience=Patience(first_byte=LOCAL_FIRST_BYTE_SECONDS),
            keepalive_seconds=LOCAL_KEEPALIVE_SECONDS,
        ),
        capabilities=(local.capability(),),
        counts=True,
    )


def _configured(one: ProviderSettings, secrets: SecretKeeper) -> Upstream:
    return Upstream(
        provider=Provider(
            name=one.name,
            base_url=str(one.base_url),
            api_key=_key_source(one.api_key, secrets),
            patience=Patience(
                connect=one.connect_seconds,
                first_byte=one.first_byte_seconds,
                between_chunks=one.between_chunks_seconds,
                whole=one.whole_seconds,
            ),
            connections=one.connections,
            reply_bound_field=one.reply_bound_field,
            sends_temperature=one.sends_temperature,
        ),
        capabilities=tuple(_capability(one.name, model) for model in one.models),
    )


def _capability(provider: str, model: ModelSettings) -> Capability:
    return Capability(
        name=model.name,
        modality=model.modality,
        provider=provider,
        model=model.model,
        model_tier=model.model_tier,
        cost_tier=model.cost_tier,
        context_window=model.context_window_tokens,
        price=ProviderPrice(
            input=Decimal(model.input_usd_per_million_tokens),
            cached=Decimal(model.cached_usd_per_million_tokens),
            output=Decimal(model.output_usd_per_million_tokens),
        ),
        tool_calling=model.tool_calling,
        priority=model.priority,
        enabled=model.enabled,
        supports_logprobs=model.logprobs,
    )


def _found(server: FoundServer) -> Upstream:
    name = server.software.lower().replace(".", "-")
    return Upstream(
        provider=Provider(name=name, base_url=server.base_url),
        capabilities=tuple(
            Capability(
                name=_slug(f"{name}-{model}"),
                modality=Modality.TEXT,
                provider=name,
                model=model,
                model_tier=Tier.BUDGET,
                cost_tier=Tier.BUDGET,
                context_window=server.context_window or FOUND_WINDOW,
                tool_calling=server.tool_calling,
                priority=ABOVE_LOCAL,
                local=True,
            )
            for model in server.models
        ),
        counts=server.counts_tokens,
    )


def _slug(name: str) -> str:
    """A capability's name: what is not a letter, digit, dot, dash or underscore becomes a dash."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name.lower())[:63]


def _key_source(reference: str | None, secrets: SecretKeeper) -> KeySource:
    if reference is None:
        return no_key

    async def key() -> str:
        return await secrets.get(reference) or ""

    return key
