"""The roles, and what each may do."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.authorization.permission import Permission


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
        Permission.CONVERSATION_READ,
        Permission.TOOLS_READ,
        Permission.BUDGET_READ,
        Permission.CAPABILITY_READ,
        Permission.PROVENANCE_READ,
        Permission.CAPSULE_READ,
        Permission.MEMORY_READ,
        Permission.TENANCY_READ,
    }
)

_TURNS: Final = frozenset(
    {
        Permission.CONVERSATION_CREATE_SESSION,
        Permission.CONVERSATION_READ,
        Permission.CONVERSATION_SEND_MESSAGE,
        Permission.CONVERSATION_CANCEL_TURN,
        Permission.CONVERSATION_SUBMIT_FEEDBACK,
        Permission.CONVERSATION_DELETE_SESSION,
        Permission.MEMORY_READ,
        Permission.MEMORY_WRITE,
        Permission.MEMORY_FORGET,
        Permission.MODEL_USE,
        Permission.TOOL_USE,
    }
)

_SERVICE: Final = _TURNS | {
    Permission.TOOLS_EXECUTE,
    Permission.TOOLS_READ,
    Permission.BUDGET_RESERVE,
    Permission.BUDGET_READ,
    Permission.CAPABILITY_READ,
    Permission.CAPABILITY_SELECT,
    Permission.PROVENANCE_RECORD,
    Permission.PROVENANCE_READ,
    Permission.CAPSULE_READ,
}

_OF_THE_PLATFORM: Final = frozenset({Permission.TENANCY_CREATE_TENANT, Permission.OPERATIONS_STOP})

ROLES: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        # What tenants say and remember is not the operator's to read.
        Role.OPERATOR: frozenset(
            {
                Permission.CONVERSATION_CANCEL_TURN,
                Permission.TOOLS_READ,
                Permission.TOOLS_RESOLVE,
                Permission.BUDGET_READ,
                Permission.BUDGET_SET_LIMIT,
                Permission.CAPABILITY_REGISTER,
                Permission.CAPABILITY_READ,
                Permission.CAPABILITY_SELECT,
                Permission.PROVENANCE_READ,
                Permission.CAPSULE_READ,
                Permission.CAPSULE_WRITE,
                Permission.CAPSULE_ACTIVATE,
                Permission.CAPSULE_REVOKE,
                Permission.TENANCY_CREATE_TENANT,
                Permission.TENANCY_READ,
                Permission.TENANCY_MANAGE_KEYS,
                Permission.OPERATIONS_READ,
                Permission.OPERATIONS_STOP,
                Permission.OPERATIONS_REPLAY,
                Permission.OPERATIONS_OPEN_DEAD_LETTER,
            }
        ),
        Role.ADMINISTRATOR: frozenset(Permission) - _OF_THE_PLATFORM,
        Role.DEVELOPER: _SERVICE | _READS | {Permission.CAPSULE_WRITE},
        Role.MEMBER: _TURNS
        | {Permission.TOOLS_READ, Permission.CAPSULE_READ, Permission.BUDGET_READ},
        Role.AUDITOR: _READS | {Permission.OPERATIONS_READ},
        Role.SERVICE: _SERVICE,
    }
)
