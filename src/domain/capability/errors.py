"""Refusals of the capability context."""

from collections.abc import Sequence
from typing import Final

from domain.kernel.errors import (
    AlreadyExistsError,
    InvalidValueError,
    NotFoundError,
    Resource,
    UnavailableError,
)

_SHOWN: Final = 20
"""Candidates named in a refusal: what goes on the wire must stay small."""


class CapabilityInvalidError(InvalidValueError):
    reason = "CAPABILITY_INVALID"

    def __init__(self, capability: str, cause: str) -> None:
        super().__init__(f"{capability!r} cannot be a capability: {cause}", capability=capability)


class CapabilityNotFoundError(NotFoundError):
    reason = "CAPABILITY_NOT_FOUND"

    def __init__(self, capability: str) -> None:
        super().__init__(f"there is no capability {capability}", capability=capability)
        self.resource = Resource("capability", capability)


class CapabilityAlreadyExistsError(AlreadyExistsError):
    reason = "CAPABILITY_ALREADY_EXISTS"

    def __init__(self, capability: str) -> None:
        super().__init__(f"a capability {capability} is registered", capability=capability)
        self.resource = Resource("capability", capability)


class NoCapabilityError(UnavailableError):
    """Nothing serves the need; `fell_out` says of each candidate why, by name and reason."""

    reason = "NO_CAPABILITY"

    def __init__(self, modality: str, fell_out: Sequence[tuple[str, str]]) -> None:
        super().__init__(
            f"none of {len(fell_out)} capabilities can serve {modality}",
            modality=modality,
            candidates=str(len(fell_out)),
            fell_out=", ".join(f"{name}={why}" for name, why in fell_out[:_SHOWN]),
        )
        self.fell_out = tuple(fell_out)
