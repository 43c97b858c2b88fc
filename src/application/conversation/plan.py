"""What a turn is going to do, decided before anything is reserved or spent."""

from collections.abc import Mapping
from dataclasses import dataclass

from application.capsule.load_capsule import LoadedCapsule
from application.conversation.ports.models import ToolOffer
from domain.capability.capability import Capability
from domain.capability.selection import Selection
from domain.capsule.knob import DerivedSettings
from domain.capsule.manifest import Manifest
from domain.conversation.lane import Lane
from domain.conversation.message import Message
from domain.conversation.phase import LaneUse
from domain.conversation.turn import TurnOrder
from domain.kernel.tool_choice import ToolChoice
from domain.tenancy.feature import Feature, Subscription
from domain.tools.tool import Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSettings:
    """What the capsule, the caller's permissions and the selection come to (phase 4).

    `offers` are the tools that the model is told of, `tools` the same by name. `choice` holds for
    the first model call; later ones choose by themselves.
    """

    order: TurnOrder
    capsule: LoadedCapsule
    selection: Selection
    tools: Mapping[str, Tool]
    offers: tuple[ToolOffer, ...]
    choice: ToolChoice
    subscription: Subscription

    @property
    def recalls(self) -> bool:
        """Whether the memory lane is filled: the capsule and the tenant's features want it."""
        return self.manifest.recall and self.subscription.decide(Feature.MEMORY).on

    @property
    def manifest(self) -> Manifest:
        return self.capsule.capsule.manifest

    @property
    def derived(self) -> DerivedSettings:
        return self.capsule.settings

    @property
    def lane_preferences(self) -> Mapping[Lane, float]:
        return {Lane(lane): share for lane, share in self.manifest.lane_preferences.items()}

    @property
    def candidates(self) -> tuple[Capability, ...]:
        """The chosen capability and its fallbacks, in order."""
        return (self.selection.chosen, *self.selection.fallbacks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the first model call is made of, counted (phase 5).

    `system` is the capsule's instructions; `messages` are the history that was kept and the user's
    message. Tokens: `prompt_tokens` without the memory lane, `memory_cap` that lane's budget,
    `result_cap` what one round's tool results may have, `reply` the bound of the reply. `hold` is
    what the first call reserves.
    """

    system: str
    messages: tuple[Message, ...]
    lanes: tuple[LaneUse, ...]
    budgets: Mapping[Lane, int]
    prompt_tokens: int
    memory_cap: int
    result_cap: int
    reply: int
    hold: int
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPlan:
    settings: TurnSettings
    context: Context
