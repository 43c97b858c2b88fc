"""The roles, and what each may do."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.authorization.permission import Permission as P


class Role(StrEnum):
    OPERATOR = "operator"
    """Runs the service. Means something in the platform's tenant alone."""
    ADMINISTRATOR = "administrator"
    """Rules over one tenant."""
    DEVELOPER = "developer"
    """Builds on a tenant: capsules, turns, tools."""
    MEMBER = "member"
    """Talks to a tenant's capsules."""
    AUDITOR = "auditor"
    """Reads everything of a tenant, changes nothing."""
    SERVICE = "service"
    """A program of a tenant: runs turns, tools and reservations."""


_READS: Final = frozenset(
    {
        P.CONVERSATION_READ,
        P.TOOLS_READ,
        P.BUDGET_READ,
        P.CAPABILITY_READ,
        P.PROVENANCE_READ,
        P.CAPSULE_READ,
        P.MEMORY_READ,
        P.TENANCY_READ,
    }
)

_TURNS: Final = frozenset(
    {
        P.CONVERSATION_CREATE_SESSION,
        P.CONVERSATION_READ,
        P.CONVERSATION_SEND_MESSAGE,
        P.CONVERSATION_CANCEL_TURN,
        P.CONVERSATION_SUBMIT_FEEDBACK,
        P.CONVERSATION_DELETE_SESSION,
        P.MEMORY_READ,
        P.MEMORY_WRITE,
        P.MEMORY_FORGET,
        P.MODEL_USE,
        P.TOOL_USE,
    }
)

_SERVICE: Final = _TURNS | {
    P.TOOLS_EXECUTE,
    P.TOOLS_READ,
    P.BUDGET_RESERVE,
    P.BUDGET_READ,
    P.CAPABILITY_READ,
    P.CAPABILITY_SELECT,
    P.PROVENANCE_RECORD,
    P.PROVENANCE_READ,
    P.CAPSULE_READ,
}

_OF_THE_PLATFORM: Final = frozenset({P.TENANCY_CREATE_TENANT, P.OPERATIONS_STOP})

ROLES: Final[Mapping[Role, frozenset[P]]] = MappingProxyType(
    {
        # What tenants say and remember is not the operator's to read.
        Role.OPERATOR: frozenset(
            {
                P.CONVERSATION_CANCEL_TURN,
                P.TOOLS_READ,
                P.BUDGET_READ,
                P.BUDGET_SET_LIMIT,
                P.CAPABILITY_REGISTER,
                P.CAPABILITY_READ,
                P.CAPABILITY_SELECT,
                P.PROVENANCE_READ,
                P.CAPSULE_READ,
                P.CAPSULE_WRITE,
                P.CAPSULE_ACTIVATE,
                P.TENANCY_CREATE_TENANT,
                P.TENANCY_READ,
                P.TENANCY_MANAGE_KEYS,
                P.OPERATIONS_READ,
                P.OPERATIONS_STOP,
            }
        ),
        Role.ADMINISTRATOR: frozenset(P) - _OF_THE_PLATFORM,
        Role.DEVELOPER: _SERVICE | _READS | {P.CAPSULE_WRITE},
        Role.MEMBER: _TURNS | {P.TOOLS_READ, P.CAPSULE_READ, P.BUDGET_READ},
        Role.AUDITOR: _READS | {P.OPERATIONS_READ},
        Role.SERVICE: _SERVICE,
    }
)
