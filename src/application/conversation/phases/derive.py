"""Phase 4: what the capsule's knobs, the caller's permissions and the selection come to."""

from dataclasses import dataclass
from typing import Final, final

from application.authorization.authorize import Authorize, AuthorizeQuery
from application.capability.select_capability import SelectCapability, SelectCapabilityQuery
from application.capsule.load_capsule import LoadedCapsule
from application.conversation.plan import TurnSettings
from application.conversation.ports.models import ToolOffer
from application.conversation.progress import Progress
from application.tenancy.read_subscription import ReadSubscription
from application.tools.ports import ToolRunner
from domain.capability.capability import Modality
from domain.capability.selection import Need
from domain.conversation.turn import TurnOrder
from domain.kernel.tool_choice import ToolChoice, ToolChoiceMode
from domain.tenancy.feature import Feature
from domain.tools.errors import ToolNotFoundError
from domain.tools.tool import Tool

_WANTED: Final = frozenset({ToolChoiceMode.REQUIRED, ToolChoiceMode.NAMED})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DeriveSettings:
    """Offers the tools that the capsule allows and the caller may use, and chooses the model."""

    authorize: Authorize
    select: SelectCapability
    runner: ToolRunner
    subscription: ReadSubscription

    async def __call__(
        self, order: TurnOrder, capsule: LoadedCapsule, progress: Progress
    ) -> TurnSettings:
        """Settle everything but the context.

        Raises:
            NoCapabilityError: No model may or can serve, with the reason for each candidate.
            ToolNotFoundError: The request names a tool that is not offered.
            FeatureDisabledError: The request wants a tool, and the tenant has none.
        """
        manifest = capsule.capsule.manifest
        subscription = await self.subscription(order.principal.tenant_id)
        with_tools = subscription.decide(Feature.TOOLS).on
        permitted = await self._permitted(order, capsule, progress) if with_tools else {}
        choice = order.tool_choice or manifest.tools.first
        if not with_tools:
            if order.tool_choice is not None and order.tool_choice.mode in _WANTED:
                subscription.check(Feature.TOOLS)
            choice = ToolChoice(ToolChoiceMode.NONE)
        if choice.mode is ToolChoiceMode.NAMED and choice.tool not in permitted:
            raise ToolNotFoundError(choice.tool, tuple(permitted))
        selection = await self.select(
            SelectCapabilityQuery(
                principal=order.principal,
                need=Need(
                    modality=Modality.TEXT,
                    model_tier=capsule.settings.model_tier,
                    cost_ceiling=capsule.settings.cost_tier,
                    tool_calling=choice.mode in _WANTED,
                    allowed=None if manifest.models.everything else manifest.models.names,
                    resource_budget=manifest.knobs.resource_budget,
                ),
            )
        )
        await self._decide(order, "model:use", f"capabilities/{selection.chosen.name}", progress)
        return TurnSettings(
            order=order,
            capsule=capsule,
            selection=selection,
            tools=permitted,
            offers=tuple(
                ToolOffer(name=tool.name, description=tool.description, schema=tool.schema)
                for tool in permitted.values()
            ),
            choice=choice if permitted else ToolChoice(ToolChoiceMode.NONE),
            subscription=subscription,
        )

    async def _permitted(
        self, order: TurnOrder, capsule: LoadedCapsule, progress: Progress
    ) -> dict[str, Tool]:
        """The tools that the capsule allows and the caller may use, by name."""
        allow = capsule.capsule.manifest.tools.allow
        return {
            tool.name: tool
            for tool in self.runner.tools()
            if allow.allows(tool.name)
            and await self._decide(order, "tool:use", f"tools/{tool.name}", progress)
        }

    async def _decide(
        self, order: TurnOrder, permission: str, resource: str, progress: Progress
    ) -> bool:
        decision = await self.authorize.ask(
            AuthorizeQuery(principal=order.principal, permission=permission, resource=resource)
        )
        progress.decided(resource, decision)
        return decision.allowed
