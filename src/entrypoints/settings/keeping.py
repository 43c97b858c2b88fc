"""What may be set about how long things are kept, how they are checked, and what is told."""

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import Field

from entrypoints.settings.values import Seconds

Hours: TypeAlias = Annotated[float, Field(ge=24, le=87_600)]
Days: TypeAlias = Annotated[float, Field(ge=1, le=3650)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    """For how long what is not the product of a turn is kept: a day at the least."""

    interval_seconds: Annotated[
        Seconds,
        Field(
            description="How often what was kept long enough is deleted, and room is made for the "
            "time to come."
        ),
    ] = 3600
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
    dead_letters_days: Annotated[
        Days,
        Field(
            description="How long a dead letter is kept after it was replayed or discarded; one "
            "that rests is kept until then."
        ),
    ] = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSettings:
    """How budgets are looked after."""

    warning_interval_seconds: Annotated[
        Seconds,
        Field(description="How often accounts are looked for that have come near their limits."),
    ] = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationSettings:
    """How often what is kept is held against itself, and what counts as too late."""

    interval_seconds: Annotated[
        Seconds,
        Field(description="How often what is open, and what was accepted of late, is looked at."),
    ] = 300
    lease_seconds: Annotated[
        float,
        Field(
            ge=1,
            le=3600,
            description="A pass whose server was silent for so long is begun anew by another.",
        ),
    ] = 300
    recent_seconds: Annotated[
        Seconds, Field(description="How far back that looks: the interval, or more.")
    ] = 3600
    whole_hours: Annotated[
        float,
        Field(
            gt=0, le=8760, description="How often everything that is kept is looked at, sums too."
        ),
    ] = 24
    open_seconds: Annotated[
        Seconds,
        Field(
            description="A reservation or call that is open so long after its time is a finding."
        ),
    ] = 300
    unpublished_seconds: Annotated[
        Seconds, Field(description="An event that waits so long to be published is a finding.")
    ] = 300
    unsealed_seconds: Annotated[
        Seconds, Field(description="A record that waits so long for its seal is a finding.")
    ] = 60
    repair: Annotated[
        bool,
        Field(
            description="Whether what is provably safe is repaired: holds of a tenant of which "
            "nothing is open."
        ),
    ] = True
