"""A provenance record: who did what with what, without anything personal in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from domain.kernel.identifiers import (
    CapsuleVersionId,
    InvocationId,
    MemoryId,
    RecordId,
    SessionId,
    TenantId,
    TurnId,
)
from domain.kernel.metering import Metric
from domain.provenance.salted_hash import SaltedHash

RECORD_SCHEMA: Final = "somagent.record.v1"
"""The schema of a record's canonical JSON (contracts/receipts.md)."""

Scalar: TypeAlias = str | int | float | bool | None


class RecordKind(StrEnum):
    TURN = "turn"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapsuleUse:
    """The capsule version that answered; `digest` is the SHA-256 of its signed content."""

    version_id: CapsuleVersionId
    name: str
    version: str
    digest: bytes
    constitution: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """One call of a model; `request_id` is the provider's, `failed` the reason it gave none.

    Of a call whose server was lost, that reason is `interrupted`, and the provider `unknown`.
    """

    round: int
    capability: str
    provider: str
    model: str
    request_id: str = ""
    finish_reason: str = ""
    failed: str = ""
    confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """A recollection that stood in the context, and the hash that is kept beside it."""

    id: MemoryId
    digest: SaltedHash


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """One call of a tool: `state` is the invocation state's name, `permit` the rule that let it."""

    invocation_id: InvocationId
    round: int
    tool: str
    arguments: SaltedHash
    result: SaltedHash | None
    state: str
    permit: str = ""
    reason: str = ""
    effect: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDecision:
    """A permission that was asked for, and the rule that answered."""

    permission: str
    resource: str
    allowed: bool
    rule: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneUse:
    """A lane's budget and content in tokens, and how many items were cut from it."""

    lane: str
    budget: int
    used: int
    cut: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUse:
    """Tokens and calls as they were settled; `estimated` where a provider did not say."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0
    tool_calls: int = 0
    api_calls: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a metric's use costs by the list prices of a version, in millionths of a USD."""

    metric: Metric
    amount: int
    price_version: int
    list_price_micro_usd: int


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """How long a phase took, in microseconds."""

    phase: str
    microseconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnContent:
    """Everything that a turn's answer rests on. Question and answer are None once never kept."""

    turn_id: TurnId
    session_id: SessionId
    capsule: CapsuleUse
    settings: Mapping[str, Scalar]
    question: SaltedHash
    answer: SaltedHash | None = None
    models: tuple[ModelUse, ...] = ()
    memories: tuple[MemoryUse, ...] = ()
    tools: tuple[ToolUse, ...] = ()
    decisions: tuple[PolicyDecision, ...] = ()
    lanes: tuple[LaneUse, ...] = ()
    usage: TokenUse = field(default=TokenUse())
    costs: tuple[Cost, ...] = ()
    provider_cost_micro_usd: int = 0
    phases: tuple[PhaseTime, ...] = ()
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalContent:
    """Something done outside a turn, as its doer reports it.

    `action` is a dotted lower-case name, `resource` a reference to what it was done to, `facts`
    what everybody may know who sees a receipt. `input` and `output` are hashed, never kept.
    """

    action: str
    resource: str
    facts: Mapping[str, str]
    input: SaltedHash | None = None
    output: SaltedHash | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenanceRecord:
    """`subject` is the hash of who acted, `outcome` completed, failed or cancelled."""

    id: RecordId
    tenant_id: TenantId
    subject: SaltedHash
    started_at: datetime
    finished_at: datetime
    outcome: str
    content: TurnContent | ExternalContent
    reason: str = ""

    @property
    def kind(self) -> RecordKind:
        return RecordKind.TURN if isinstance(self.content, TurnContent) else RecordKind.EXTERNAL


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """A record as it is kept: its canonical bytes and its place in the tenant's chain, from 1.

    `nonce` is the salt of its hashes, None where it is kept elsewhere.
    """

    id: RecordId
    tenant_id: TenantId
    position: int
    body: bytes
    created_at: datetime
    turn_id: TurnId | None = None
    nonce: bytes | None = None
    sealed: bool = False
