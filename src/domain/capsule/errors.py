"""Refusals of the capsule context."""

from collections.abc import Sequence
from typing import Final

from domain.kernel.errors import (
    AlreadyExistsError,
    InvalidValueError,
    NotFoundError,
    PreconditionError,
    Resource,
    Violation,
)

_SHOWN: Final = 20
"""Violations in a refusal: what goes on the wire must stay small."""


class UnknownKnobError(InvalidValueError):
    reason = "UNKNOWN_KNOB"

    def __init__(self, knob: str) -> None:
        shown = knob[:64]
        super().__init__(f"a persona has no knob {shown!r}", knob=shown)
        self.violations = (Violation("persona.knobs", f"{shown!r} is not a knob"),)


class KnobOutOfRangeError(InvalidValueError):
    reason = "KNOB_OUT_OF_RANGE"

    def __init__(self, knob: str, value: str) -> None:
        super().__init__(f"{knob} cannot be {value}", knob=knob, value=value)


class CapsuleMalformedError(InvalidValueError):
    """The manifest is none; `violations` say where and why, each by its path."""

    reason = "CAPSULE_MALFORMED"

    def __init__(self, violations: Sequence[Violation]) -> None:
        first = violations[0]
        super().__init__(
            f"the manifest has {len(violations)} faults; the first: "
            f"{first.field or 'the file'}: {first.description}",
            path=first.field,
            faults=str(len(violations)),
        )
        self.violations = tuple(violations[:_SHOWN])


class CapsuleNotFoundError(NotFoundError):
    reason = "CAPSULE_NOT_FOUND"

    def __init__(self, capsule: str) -> None:
        super().__init__(f"there is no capsule {capsule}, or none is active", capsule=capsule)
        self.resource = Resource("capsule", capsule)


class CapsuleAlreadyExistsError(AlreadyExistsError):
    reason = "CAPSULE_ALREADY_EXISTS"

    def __init__(self, capsule: str, version: str) -> None:
        super().__init__(
            f"version {version} of {capsule} exists with other content; give it another version",
            capsule=capsule,
            version=version,
        )
        self.resource = Resource("capsule", capsule)


class CapsuleRevokedError(PreconditionError):
    reason = "CAPSULE_REVOKED"

    def __init__(self, capsule: str, version: str) -> None:
        super().__init__(
            f"version {version} of {capsule} is revoked", capsule=capsule, version=version
        )


class CapsuleSignatureInvalidError(PreconditionError):
    """`cause` is unsigned, unknown_key, tampered."""

    reason = "CAPSULE_SIGNATURE_INVALID"

    def __init__(self, capsule: str, key_id: str, cause: str) -> None:
        super().__init__(
            f"the signature of {capsule} does not hold: {cause}",
            capsule=capsule,
            key_id=key_id,
            cause=cause,
        )


class ConstitutionUnavailableError(PreconditionError):
    reason = "CONSTITUTION_UNAVAILABLE"

    def __init__(self, capsule: str, constitution: str) -> None:
        super().__init__(
            f"{capsule} asks for the constitution {constitution}, which is not there",
            capsule=capsule,
            constitution=constitution,
        )
