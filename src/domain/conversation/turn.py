"""A turn: a message in, an answer out, and the states between."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from domain.kernel.identifiers import CapsuleVersionId, RecordId, SessionId, TenantId, TurnId
from domain.kernel.principal import Principal
from domain.kernel.tool_choice import ToolChoice


class TurnState(IntEnum):
    """The numbers are stored."""

    QUEUED = 1
    RUNNING = 2
    PAUSED = 3
    COMPLETED = 4
    FAILED = 5
    CANCELLED = 6

    @property
    def final(self) -> bool:
        return self >= TurnState.COMPLETED

    def may_become(self, state: "TurnState") -> bool:
        return state in TRANSITIONS[self]


TRANSITIONS: Final[Mapping[TurnState, frozenset[TurnState]]] = MappingProxyType(
    {
        TurnState.QUEUED: frozenset({TurnState.RUNNING, TurnState.FAILED, TurnState.CANCELLED}),
        TurnState.RUNNING: frozenset(
            {TurnState.PAUSED, TurnState.COMPLETED, TurnState.FAILED, TurnState.CANCELLED}
        ),
        TurnState.PAUSED: frozenset({TurnState.RUNNING, TurnState.FAILED, TurnState.CANCELLED}),
        TurnState.COMPLETED: frozenset(),
        TurnState.FAILED: frozenset(),
        TurnState.CANCELLED: frozenset(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a turn used, in tokens and calls; `estimated` where a provider did not say."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    tool_calls: int = 0
    api_calls: int = 0
    provider_cost_micro_usd: int = 0
    estimated: bool = False

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def plus(self, more: "Usage") -> "Usage":
        """The sum of both; estimated where either is."""
        return Usage(
            prompt_tokens=self.prompt_tokens + more.prompt_tokens,
            completion_tokens=self.completion_tokens + more.completion_tokens,
            cached_tokens=self.cached_tokens + more.cached_tokens,
            reasoning_tokens=self.reasoning_tokens + more.reasoning_tokens,
            tool_calls=self.tool_calls + more.tool_calls,
            api_calls=self.api_calls + more.api_calls,
            provider_cost_micro_usd=self.provider_cost_micro_usd + more.provider_cost_micro_usd,
            estimated=self.estimated or more.estimated,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOrder:
    """What was asked for: everything a server needs to drive the turn, the first time or again.

    `prompt_tokens` and `held_tokens` are the first call's prompt as it was counted, and what was
    reserved for the call, at the acceptance; 0 before it.
    """

    principal: Principal
    text: str
    tool_choice: ToolChoice | None = None
    max_tokens: int | None = None
    prompt_tokens: int = 0
    held_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a turn failed: the name of the refusal's kind, its reason and its facts."""

    kind: str
    reason: str
    message: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A snapshot of a turn as it is stored."""

    id: TurnId
    tenant_id: TenantId
    session_id: SessionId
    capsule_version_id: CapsuleVersionId
    state: TurnState
    fence: int
    order: TurnOrder
    accepted_at: datetime
    deadline_at: datetime
    finished_at: datetime | None = None
    answer: str = ""
    usage: Usage = Usage()
    failure: Failure | None = None
    record_id: RecordId | None = None
