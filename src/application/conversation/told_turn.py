"""Read a turn as far as it can be read."""

from application.conversation.ports.reading import TurnReader, UnreadableError
from domain.conversation.turn import Turn
from domain.kernel.identifiers import TenantId, TurnId


async def told_turn(reader: TurnReader, tenant_id: TenantId, turn_id: TurnId) -> Turn:
    """The turn; its outline where what is stored of it cannot be read.

    Raises:
        TurnNotFoundError: No such turn of this tenant.
    """
    try:
        return await reader.turn(tenant_id, turn_id)
    except UnreadableError:
        return await reader.outline(tenant_id, turn_id)
