"""What every server of a test shares: a store, a clock, a tenant with its limits, a capsule."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

from adapters.canonical.canonical_json import Rfc8785Json
from adapters.inmemory.budgets import InMemoryBudgets
from adapters.inmemory.capsules import InMemoryCapsules
from adapters.inmemory.durable_clock import InMemoryClock
from adapters.inmemory.effects import InMemoryEffectJournal
from adapters.inmemory.feedback import InMemoryFeedback
from adapters.inmemory.invocations import InMemoryInvocations
from adapters.inmemory.language_model import ScriptedLanguageModel
from adapters.inmemory.memories import InMemoryMemories
from adapters.inmemory.reader import InMemoryTurnReader
from adapters.inmemory.sessions import InMemorySessions
from adapters.inmemory.store import InMemoryStore
from adapters.inmemory.tenancy import InMemorySubscriptions, InMemoryTenancy
from application.budget.ports import Limit
from application.capsule.verify_capsule import VerifyCapsule
from application.conversation.ports.models import TokenCounter
from application.kernel.ports import Json
from application.tenancy.read_subscription import SECONDS
from domain.budget.account import Account, AccountKind
from domain.capability.capability import Capability, Modality, ToolCalling
from domain.capsule.capsule import Capsule, CapsuleState
from domain.kernel.identifiers import CapsuleVersionId, RequestId, SessionId
from domain.kernel.metering import Metric
from domain.kernel.request_key import RequestKey
from domain.kernel.tier import Tier
from domain.tenancy.feature import Feature
from domain.tenancy.plan import Plan
from domain.tenancy.tenant import Tenant
from tests.builders import CAPSULE_VERSION, SESSION, TENANT, session
from tests.doubles import ByteCounter, EverybodyTrusted, ScriptedTools
from tests.fakes import NOON, CountingIdentifiers, StoppedClock


def capability(name: str = "tiny", *, provider: str = "local", priority: int = 0) -> Capability:
    return Capability(
        name=name,
        modality=Modality.TEXT,
        provider=provider,
        model=f"{name}-model",
        model_tier=Tier.BUDGET,
        cost_tier=Tier.BUDGET,
        context_window=32_000,
        tool_calling=ToolCalling.NATIVE,
        priority=priority,
        local=True,
    )


def manifest(
    *, autonomy: int = 7, intelligence: int = 3, recall: bool = False, **more: Json
) -> Mapping[str, Json]:
    """A signed manifest whose capsule may use every tool and every model."""
    return {
        "apiVersion": "somagent.dev/v3",
        "name": "greeter",
        "version": "1.0.0",
        "persona": {
            "instructions": "Be brief.",
            "knobs": {
                "intelligence_level": intelligence,
                "autonomy_level": autonomy,
                "resource_budget": "0.20",
            },
        },
        "tools": {"allow": ["*"]},
        "models": {"allow": ["*"]},
        "memory": {"recall": recall},
        "signature": {"algorithm": "ed25519", "key_id": "0" * 16, "value": "0" * 128},
        **more,
    }


@final
@dataclass(kw_only=True)
class World:
    """What all servers share: the store, the clock, the model and the tools behind them."""

    store: InMemoryStore = field(default_factory=InMemoryStore)
    clock: StoppedClock = field(default_factory=StoppedClock)
    identifiers: CountingIdentifiers = field(default_factory=CountingIdentifiers)
    model: ScriptedLanguageModel = field(default_factory=ScriptedLanguageModel)
    tools: ScriptedTools = field(default_factory=ScriptedTools)
    memories: InMemoryMemories = field(default_factory=InMemoryMemories)
    capsules: InMemoryCapsules = field(default_factory=InMemoryCapsules)
    capabilities: tuple[Capability, ...] = (capability(),)
    canonical: Rfc8785Json = field(default_factory=Rfc8785Json)
    counter: TokenCounter = field(default_factory=ByteCounter)

    @cached_property
    def times(self) -> InMemoryClock:
        return InMemoryClock(self.clock)

    @cached_property
    def budgets(self) -> InMemoryBudgets:
        return InMemoryBudgets(store=self.store, clock=self.clock)

    @cached_property
    def reader(self) -> InMemoryTurnReader:
        return InMemoryTurnReader(store=self.store)

    @cached_property
    def sessions(self) -> InMemorySessions:
        return InMemorySessions(store=self.store, clock=self.clock)

    @cached_property
    def tenancy(self) -> InMemorySubscriptions:
        """What decides about features: `TENANT` is of plan team, and switched nothing."""
        tenancy = InMemoryTenancy()
        tenancy.tenants[TENANT] = Tenant(
            id=TENANT, slug="acme", display_name="Acme", plan=Plan.TEAM, created_at=NOON
        )
        return InMemorySubscriptions(tenancy)

    def switch(self, feature: Feature, *, on: bool) -> None:
        """Let the tenant switch a feature; it takes effect within five seconds."""
        self.tenancy.kept.toggles.setdefault(TENANT, {})[feature] = on
        self.clock.advance(SECONDS)

    @cached_property
    def feedback(self) -> InMemoryFeedback:
        return InMemoryFeedback(store=self.store)

    @cached_property
    def effects(self) -> InMemoryEffectJournal:
        return InMemoryEffectJournal(store=self.store, clock=self.clock)

    @cached_property
    def invocations(self) -> InMemoryInvocations:
        return InMemoryInvocations(store=self.store, clock=self.clock)

    async def limit(self, metric: Metric, amount: int | None) -> None:
        account = Account(AccountKind.TENANT, str(TENANT))
        request = RequestKey.of(
            "SetLimit", RequestId(str(self.identifiers.next())), "ada", b"content"
        )
        await self.budgets.set_limit(
            TENANT, Limit(account, metric, amount), etag="", request=request
        )

    def held(self, metric: Metric) -> int:
        return sum(balance.held for key, balance in self.store.balances.items() if key[2] is metric)

    def spent(self, metric: Metric) -> int:
        return sum(
            balance.spent for key, balance in self.store.balances.items() if key[2] is metric
        )

    def open(self, session_id: SessionId = SESSION, *, max_waiting: int = 2) -> SessionId:
        opened = session(session_id=session_id, max_waiting=max_waiting)
        self.store.sessions[TENANT, session_id] = opened
        return session_id

    def install(
        self, content: Mapping[str, Json], capsule_id: CapsuleVersionId = CAPSULE_VERSION
    ) -> None:
        """Keep a capsule and make it the active one."""
        verify = VerifyCapsule(canonical=self.canonical, trusted=EverybodyTrusted())
        verified = verify(content)
        self.capsules.kept[TENANT, capsule_id] = Capsule(
            id=capsule_id,
            tenant_id=TENANT,
            manifest=verified.manifest,
            document=verified.document,
            hash=verified.hash,
            signature=verified.signature,
            state=CapsuleState.ACTIVE,
            created_at=NOON,
            activated_at=NOON,
        )


async def world(content: Mapping[str, Json] | None = None) -> World:
    """A world with one tenant, its limits, a capsule and an open session."""
    made = World()
    for metric in (Metric.TOKENS, Metric.TOOL_CALLS, Metric.API_CALLS):
        await made.limit(metric, 1_000_000)
    made.install(content or manifest())
    made.open()
    return made
