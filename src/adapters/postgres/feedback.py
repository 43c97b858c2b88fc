"""What subjects say of answers, in PostgreSQL."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.database import Database
from adapters.postgres.requests import claim
from adapters.postgres.tables.feedback import feedback as words
from adapters.postgres.tables.turns import turns
from domain.conversation.errors import TurnNotFoundError
from domain.conversation.feedback import Feedback
from domain.kernel.request_key import RequestKey


@final
@dataclass(frozen=True, slots=True)
class PostgresFeedback:
    """A `FeedbackStore`. A request id stands for the time at which its word was taken down."""

    database: Database

    async def submit(self, feedback: Feedback, request: RequestKey) -> Feedback:
        tenant_id, turn_id = feedback.tenant_id, feedback.turn_id
        said = {
            "rating": feedback.rating.value,
            "comment": feedback.comment,
            "created_at": feedback.created_at,
        }
        known = sa.select(turns.c.turn_id).where(
            turns.c.tenant_id == tenant_id, turns.c.turn_id == turn_id
        )
        keep = (
            insert(words)
            .values(tenant_id=tenant_id, turn_id=turn_id, subject=feedback.subject, **said)
            .on_conflict_do_update(index_elements=["tenant_id", "turn_id", "subject"], set_=said)
        )
        async with self.database.tenant(tenant_id) as connection:
            taken_at = feedback.created_at.isoformat()
            earlier = await claim(connection, tenant_id, request, taken_at)
            if earlier is not None:
                return replace(feedback, created_at=datetime.fromisoformat(earlier))
            if (await connection.execute(known)).one_or_none() is None:
                raise TurnNotFoundError(str(turn_id))
            await connection.execute(keep)
        return feedback
