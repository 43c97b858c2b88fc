"""What comes before the acceptance: capsule, settings, context, or a refusal and nothing else."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import final

from application.capsule.load_capsule import LoadCapsule, LoadedCapsule
from application.conversation.phases.context import BuildContext
from application.conversation.phases.derive import DeriveSettings
from application.conversation.plan import TurnPlan
from application.conversation.ports.reading import Opening
from application.conversation.progress import Progress
from domain.conversation.phase import Phase
from domain.conversation.turn import TurnOrder

LoadingCapsule = Callable[[], Awaitable[LoadedCapsule]]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareTurn:
    """Phases 3, 4 and 5."""

    load_capsule: LoadCapsule
    derive: DeriveSettings
    build_context: BuildContext

    async def __call__(
        self,
        order: TurnOrder,
        opening: Opening,
        progress: Progress,
        load: LoadingCapsule,
        *,
        held: int | None = None,
    ) -> TurnPlan:
        """Plan a turn. `load` reads the capsule: the active version, or one that was pinned.

        Raises: the refusals of the three phases.
        """
        with progress.timing(Phase.CAPSULE):
            capsule = await load()
        with progress.timing(Phase.DERIVE):
            settings = await self.derive(order, capsule, progress)
        with progress.timing(Phase.CONTEXT):
            context = await self.build_context(settings, opening.history, held=held)
        progress.lanes = context.lanes
        return TurnPlan(settings=settings, context=context)
