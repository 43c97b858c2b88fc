"""Choose what serves a need."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from application.authorization.authorize import Authorize, AuthorizeQuery
from application.capability.known_capabilities import KnownCapabilities
from application.capability.ports import ProviderHealth
from domain.capability.capability import Capability
from domain.capability.errors import NoCapabilityError
from domain.capability.selection import FellOut, Need, Permit, Selection, candidates_of, select
from domain.kernel.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectCapabilityQuery:
    principal: Principal
    need: Need


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would be chosen, None when nothing serves, and why the others fell out."""

    selection: Selection | None
    fell_out: tuple[FellOut, ...]
