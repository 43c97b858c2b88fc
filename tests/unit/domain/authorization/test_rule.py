"""Who may do what, by roles and scopes."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.authorization.errors import PermissionDeniedError
from domain.authorization.permission import Permission
from domain.authorization.role import ROLES, Role
from domain.authorization.rule import check_grant, covers, decide, granted, is_scope
from domain.kernel.errors import InvalidArgumentError
from domain.kernel.principal import Principal
from tests.builders import TENANT

CONTEXTS: Final = sorted({permission.context for permission in Permission})

roles = st.frozensets(st.sampled_from([*Role, "admin", "root", ""]), max_size=4)
scopes = st.frozensets(
    st.sampled_from(["*", *Permission, *(f"{context}:*" for context in CONTEXTS), "x:y"]),
    max_size=4,
)
tenants = st.sampled_from(["acme", "platform", "other"])
permissions = st.sampled_from(Permission)


def caller(
    *granted_roles: str, tenant: str = "acme", scoped: frozenset[str] = frozenset()
) -> Principal:
    return Principal(
        tenant_id=TENANT,
        tenant=tenant,
        subject="ada",
        roles=frozenset(granted_roles),
        scopes=scoped,
    )


def allowed(principal: Principal, permission: str, resource: str) -> bool:
    return decide(principal, permission, resource).allowed


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OPERATOR])
def test_a_role_may_do_what_its_table_says_and_nothing_else(role: Role) -> None:
    may = {one for one in Permission if allowed(caller(role), one, "tenants/acme")}

    assert may == ROLES[role]


def test_only_the_platform_makes_and_stops_tenants() -> None:
    for role in Role:
        for permission in (Permission.TENANCY_CREATE_TENANT, Permission.OPERATIONS_STOP):
            assert not allowed(caller(role), permission, "tenants/acme")
            assert not allowed(caller(role), permission, "")
    operator = caller(Role.OPERATOR, tenant="platform")
    assert allowed(operator, Permission.TENANCY_CREATE_TENANT, "")
    assert allowed(operator, Permission.OPERATIONS_STOP, "tenants/acme")


def test_an_operator_does_not_read_what_tenants_say() -> None:
    operator = caller(Role.OPERATOR, tenant="platform")

    assert not allowed(operator, Permission.CONVERSATION_READ, "tenants/acme/sessions/1")
    assert not allowed(operator, Permission.MEMORY_READ, "tenants/acme")


def test_the_operators_role_means_nothing_in_another_tenant() -> None:
    assert not allowed(caller(Role.OPERATOR), Permission.TENANCY_READ, "tenants/acme")


def test_the_decision_names_the_role_that_allowed() -> None:
    decision = decide(caller("member"), "conversation:read", "tenants/acme/sessions/1")

    assert (decision.allowed, decision.rule) == (True, "role:member")


@pytest.mark.parametrize(
    ("principal", "permission", "resource", "rule"),
    [
        (caller("member"), "conversation:everything", "tenants/acme", "permission:unknown"),
        (caller("member"), "capsule:write", "tenants/acme", "roles"),
        (caller(), "conversation:read", "tenants/acme", "roles"),
        (caller("root"), "conversation:read", "tenants/acme", "roles"),
        (caller("administrator"), "conversation:read", "tenants/other", "tenant"),
        (caller("administrator"), "conversation:read", "tenants/acme2", "tenant"),
        (caller("administrator"), "conversation:read", "tenants/-", "tenant"),
        (caller("administrator"), "operations:read", "", "tenant"),
        (caller("administrator"), "conversation:read", "sessions/1", "tenant"),
        (
            caller("administrator", scoped=frozenset({"tools:*"})),
            "conversation:read",
            "tenants/acme",
            "scopes",
        ),
    ],
)
def test_a_denial_says_by_what(
    principal: Principal, permission: str, resource: str, rule: str
) -> None:
    decision = decide(principal, permission, resource)

    assert (decision.allowed, decision.rule) == (False, rule)


def test_tools_and_capabilities_are_offered_to_the_callers_own_tenant() -> None:
    assert allowed(caller("member"), "tool:use", "tools/arithmetic")
    assert allowed(caller("member"), "model:use", "capabilities/local")
    assert not allowed(caller("auditor"), "tool:use", "tools/arithmetic")


@given(roles, scopes, tenants, permissions, tenants)
def test_nobody_but_an_operator_reaches_another_tenant(
    held: frozenset[str],
    narrowed: frozenset[str],
    home: str,
    permission: Permission,
    target: str,
) -> None:
    principal = caller(*held, tenant=home, scoped=narrowed)

    if allowed(principal, permission, f"tenants/{target}/capsules/x") and home != target:
        assert home == "platform"
        assert Role.OPERATOR in held


@given(roles, scopes, tenants, permissions)
def test_scopes_only_ever_narrow(
    held: frozenset[str], narrowed: frozenset[str], home: str, permission: Permission
) -> None:
    resource = f"tenants/{home}"

    if allowed(caller(*held, tenant=home, scoped=narrowed), permission, resource):
        assert allowed(caller(*held, tenant=home), permission, resource)
        assert not narrowed or any(covers(scope, permission) for scope in narrowed)


@given(roles, scopes, tenants, roles, scopes, permissions)
def test_nobody_hands_on_what_he_may_not_do(
    held: frozenset[str],
    narrowed: frozenset[str],
    home: str,
    given_roles: frozenset[str],
    given_scopes: frozenset[str],
    permission: Permission,
) -> None:
    granter = caller(*held, tenant=home, scoped=narrowed)
    try:
        check_grant(granter, home, given_roles, given_scopes)
    except (InvalidArgumentError, PermissionDeniedError):
        return

    receiver = caller(*given_roles, tenant=home, scoped=given_scopes)
    resource = f"tenants/{home}"
    operator = home == "platform" and Role.OPERATOR in held and not narrowed
    if allowed(receiver, permission, resource) and not operator:
        assert allowed(granter, permission, resource)


def test_an_operator_may_make_an_administrator_of_any_tenant() -> None:
    check_grant(caller("operator", tenant="platform"), "acme", {"administrator"}, set())


def test_nobody_makes_an_operator_outside_the_platform() -> None:
    with pytest.raises(InvalidArgumentError):
        check_grant(caller("operator", tenant="platform"), "acme", {"operator"}, set())


def test_a_scope_that_names_nothing_is_refused() -> None:
    with pytest.raises(InvalidArgumentError):
        check_grant(caller("administrator"), "acme", {"member"}, {"conversation:sing"})


@pytest.mark.parametrize("scope", ["*", "conversation:*", "tools:execute"])
def test_scopes_of_ours_are_known(scope: str) -> None:
    assert is_scope(scope)


@pytest.mark.parametrize("scope", ["", "openid", "conversation", "x:*", "conversation:", ":*"])
def test_other_words_are_no_scopes(scope: str) -> None:
    assert not is_scope(scope)


def test_an_empty_set_of_scopes_leaves_everything() -> None:
    assert granted({"auditor"}, set(), "acme") == ROLES[Role.AUDITOR]
