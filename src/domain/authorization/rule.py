"""The built-in rule: what a principal may do is what its roles and its scopes both say."""

from collections.abc import Collection
from typing import Final

from domain.authorization.decision import Decision
from domain.authorization.errors import PermissionDeniedError
from domain.authorization.permission import Permission
from domain.authorization.role import ROLES, Role
from domain.kernel.errors import InvalidArgumentError
from domain.kernel.principal import Principal

PLATFORM: Final = "platform"
"""The slug of the tenant in which the operator's role means something."""

EVERYTHING: Final = "*"

OWN_ONLY: Final = frozenset({Permission.OPERATIONS_OPEN_DEAD_LETTER})
"""What not even the platform's operators may do with things of another tenant."""

_PERMISSIONS: Final = {permission.value: permission for permission in Permission}
_CONTEXTS: Final = frozenset(permission.context for permission in Permission)
_TENANTS: Final = "tenants/"
_OFFERED: Final = ("tools/", "capabilities/")


def owner_of(resource: str, caller: str) -> str:
    """The slug of the tenant that a resource belongs to; empty for the service as a whole.

    `tenants/{slug}` and what lies below it is that tenant's. `tools/{tool}` and
    `capabilities/{capability}` are what the service offers to the caller's own tenant.
    """
    if resource.startswith(_TENANTS):
        return resource.removeprefix(_TENANTS).partition("/")[0]
    return caller if resource.startswith(_OFFERED) else ""


def decide(principal: Principal, permission: str, resource: str) -> Decision:
    """Decide by roles and scopes; whatever no rule allows is denied.

    A resource is named as on the wire (`owner_of`). One of another tenant, and the service as a
    whole, are open to operators of the platform's tenant alone.
    """
    asked = _PERMISSIONS.get(permission)
    if asked is None:
        return denied(permission, "permission:unknown", "there is no such permission")
    if principal.scopes and not any(covers(scope, asked) for scope in principal.scopes):
        return denied(permission, "scopes", "the credential's scopes do not cover it")
    own = owner_of(resource, principal.tenant) == principal.tenant
    for role in sorted(principal.roles):
        if asked not in _permissions_of(role, principal.tenant):
            continue
        if own or (role == Role.OPERATOR and asked not in OWN_ONLY):
            return Decision(allowed=True, permission=permission, rule=f"role:{role}")
    if own:
        return denied(permission, "roles", "none of the principal's roles has it")
    return denied(permission, "tenant", "it belongs to another tenant")


def denied(permission: str, rule: str, reason: str) -> Decision:
    return Decision(allowed=False, permission=permission, rule=rule, reason=reason)


def covers(scope: str, permission: Permission) -> bool:
    """Whether a scope names a permission: itself, `context:*` or `*`."""
    return scope in (permission.value, f"{permission.context}:{EVERYTHING}", EVERYTHING)


def granted(roles: Collection[str], scopes: Collection[str], tenant: str) -> frozenset[Permission]:
    """Every permission that roles in a tenant have and scopes, where there are any, leave."""
    held = frozenset[Permission]().union(*(_permissions_of(role, tenant) for role in roles))
    if not scopes:
        return held
    return frozenset(one for one in held if any(covers(scope, one) for scope in scopes))


def check_grant(
    granter: Principal, tenant: str, roles: Collection[str], scopes: Collection[str]
) -> None:
    """Whether somebody may hand out these roles and scopes in a tenant.

    An operator, whose scopes do not narrow it, may grant every role of any tenant; anybody else
    only what he may do himself.

    Raises:
        InvalidArgumentError: There is no such role in that tenant, or a scope names no permission.
        PermissionDeniedError: The granter does not have what it would grant.
    """
    for role in sorted(roles):
        if not _permissions_of(role, tenant):
            raise InvalidArgumentError("roles", f"there is no role {role[:64]!r} here")
    for scope in sorted(scopes):
        if not is_scope(scope):
            raise InvalidArgumentError("scopes", f"{scope[:64]!r} names no permission")
    if is_operator(granter) and not granter.scopes:
        return
    held = granted(granter.roles, granter.scopes, granter.tenant)
    if missing := sorted(granted(roles, scopes, tenant) - held):
        raise PermissionDeniedError(missing[0], "grant", "nobody hands on what he may not do")


def is_operator(principal: Principal) -> bool:
    return principal.tenant == PLATFORM and Role.OPERATOR in principal.roles


def is_scope(scope: str) -> bool:
    """Whether a text is a scope of ours."""
    if scope == EVERYTHING or scope in _PERMISSIONS:
        return True
    context, _, act = scope.partition(":")
    return act == EVERYTHING and context in _CONTEXTS


def _permissions_of(role: str, tenant: str) -> frozenset[Permission]:
    if role not in _ROLE_NAMES or (role == Role.OPERATOR and tenant != PLATFORM):
        return frozenset()
    return ROLES[Role(role)]


_ROLE_NAMES: Final = frozenset(Role)
