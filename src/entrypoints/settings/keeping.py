"""What may be set about how long things are kept, and how they are checked."""

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import Field

Hours: TypeAlias = Annotated[float, Field(ge=24, le=87_600)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    """For how long what is not the product of a turn is kept: a day at the least."""

    request_hours: Annotated[
        Hours,
        Field(
            description="How long a request id stands for its first content (messages: as long as "
            "their session lives)."
        ),
    ] = 48
    reservation_hours: Annotated[
        Hours, Field(description="How long a reservation can be looked up after it has ended.")
    ] = 168
    deleted_session_hours: Annotated[
        Hours,
        Field(
            description="How long the request ids of its messages are kept after a session was "
            "deleted."
        ),
    ] = 48
