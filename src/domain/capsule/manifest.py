"""What a capsule's author writes and signs: the manifest, version 3."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from domain.capsule.knob import Knobs
from domain.kernel.tool_choice import ToolChoice

API_VERSION: Final = "somagent.dev/v3"

EVERYTHING: Final = "*"

FREE_CHOICE: Final = ToolChoice()
_FALLBACK: Final = Knobs()


class WhenBusy(StrEnum):
    """What a session does with a message while a turn is open."""

    QUEUE = "queue"
    REFUSE = "refuse"


class OnToolFailure(StrEnum):
    """Whether a turn goes on with a tool's failure as the observation, or ends."""

    CONTINUE = "continue"
    STOP = "stop"


class OnInterruption(StrEnum):
    """What becomes of an answer that broke off after some of it was shown.

    Its provider's stream died, or the server that answered. The turn fails with what was shown, or
    the model is asked to go on where it stopped.
    """

    FAIL = "fail"
    CONTINUE = "continue"


class Below(StrEnum):
    """What becomes of an answer under the threshold of confidence."""

    FLAG = "flag"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class AllowList:
    """Names that may be used. Nothing else may, unless `*` is among them."""

    names: frozenset[str] = frozenset()

    @property
    def everything(self) -> bool:
        return EVERYTHING in self.names

    def allows(self, name: str) -> bool:
        return name in self.names or self.everything


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolTerms:
    """Which tools, and what the model may or must do with them in its first call and after it."""

    allow: AllowList = AllowList()
    first: ToolChoice = FREE_CHOICE
    then: ToolChoice = FREE_CHOICE


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTerms:
    """What a session of this capsule does while it is busy, unless its client says otherwise."""

    busy: WhenBusy = WhenBusy.QUEUE
    max_waiting: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceTerms:
    """The threshold, in [0, 1], under which an answer is flagged or refused."""

    threshold: float
    below: Below = Below.FLAG


@dataclass(frozen=True, slots=True, kw_only=True)
class Constitution:
    """The rules that every action is to be scored against: where they are, and their SHA-256."""

    reference: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """An Ed25519 signature over the manifest's hash, and the id of the key that made it."""

    key_id: str
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A capsule as its author wrote it; `lane_preferences` are shares of the context by lane."""

    name: str
    version: str
    display_name: str
    instructions: str
    knobs: Knobs = _FALLBACK
    tools: ToolTerms = ToolTerms()
    models: AllowList = AllowList()
    session: SessionTerms = SessionTerms()
    recall: bool = True
    on_tool_failure: OnToolFailure = OnToolFailure.CONTINUE
    on_interruption: OnInterruption = OnInterruption.FAIL
    confidence: ConfidenceTerms | None = None
    constitution: Constitution | None = None
    lane_preferences: Mapping[str, float] = field(default_factory=dict[str, float])
