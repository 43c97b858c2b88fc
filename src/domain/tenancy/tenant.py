"""A tenant: its slug, its plan, its standing."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import Final, Self
from uuid import UUID

from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import TenantId
from domain.tenancy.plan import Plan

PLATFORM_SLUG: Final = "platform"
"""The tenant of those who run the service; its operators may act on every other tenant."""

PLATFORM_TENANT_ID: Final = TenantId(UUID("00000000-0000-7000-8000-000000000001"))

RESERVED_SLUGS: Final = frozenset({PLATFORM_SLUG, "system", "somagent", "admin", "all", "none"})
"""Names of the service itself: no other tenant may be taken for it."""

LONGEST_SLUG: Final = 63
LONGEST_DISPLAY_NAME: Final = 200
LONGEST_REASON: Final = 512

_SLUG: Final = re.compile(r"[a-z](?:-?[a-z0-9])+")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Standing(IntEnum):
    """Whether a tenant is served; the numbers are stored. STOPPED is the kill switch."""

    ACTIVE = 1
    SUSPENDED = 2
    STOPPED = 3


def check_slug(slug: str) -> str:
    """The slug, if a new tenant may have it.

    Raises:
        InvalidArgumentError: It is not 2 to 63 of a-z, 0-9 and single hyphens between them, a
            letter first, or it is reserved.
    """
    if len(slug) > LONGEST_SLUG or _SLUG.fullmatch(slug) is None:
        raise InvalidArgumentError(
            "tenant_id",
            "2 to 63 of a-z, 0-9 and single hyphens between them, beginning with a letter",
        )
    if slug in RESERVED_SLUGS:
        raise InvalidArgumentError("tenant_id", f"{slug} is kept for the service itself")
    return slug


def check_line(field: str, text: str, longest: int) -> str:
    """The text, if it is one line of 1 to so many characters.

    Raises:
        InvalidArgumentError: It is empty or too long, or has characters that no line has.
    """
    if not text.strip() or len(text) > longest:
        raise InvalidArgumentError(field, f"1 to {longest} characters")
    if _CONTROLS.search(text):
        raise InvalidArgumentError(field, "control characters and lone surrogates are not text")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """`standing_reason` says why it is not active; `version` counts its changes, from 1."""

    id: TenantId
    slug: str
    display_name: str
    plan: Plan
    created_at: datetime
    standing: Standing = Standing.ACTIVE
    standing_reason: str = ""
    version: int = 1

    @property
    def etag(self) -> str:
        return str(self.version)

    def stand(self, standing: Standing, reason: str) -> Self:
        """Change its standing; the one it has already changes nothing, the reason included."""
        if standing is self.standing:
            return self
        return replace(self, standing=standing, standing_reason=reason, version=self.version + 1)
