"""A permission is given by a decision, and denied by anything else."""

from dataclasses import dataclass

import pytest

from application.authorization.authorize import AUTHORIZER_FAILED, Authorize, AuthorizeQuery
from application.authorization.role_authorizer import RoleAuthorizer
from domain.authorization.decision import Decision
from domain.authorization.errors import PermissionDeniedError
from domain.kernel.principal import Principal
from tests.builders import principal

QUERY = AuthorizeQuery(
    principal=principal(), permission="conversation:read", resource="tenants/acme"
)


class BrokenAuthorizer:
    async def decide(self, principal: Principal, permission: str, resource: str) -> Decision:
        raise ConnectionError(f"{principal.subject} {permission} {resource}")


@dataclass(frozen=True)
class FixedAuthorizer:
    """Gives one decision, whatever is asked."""

    decision: Decision

    async def decide(self, principal: Principal, permission: str, resource: str) -> Decision:
        del principal, permission, resource
        return self.decision


async def test_the_decision_that_allows_is_the_permit() -> None:
    decision = await Authorize(authorizer=RoleAuthorizer())(QUERY)

    assert (decision.allowed, decision.rule) == (True, "role:member")


async def test_a_denial_says_which_permission_and_by_which_rule() -> None:
    query = AuthorizeQuery(
        principal=principal(), permission="capsule:write", resource="tenants/acme"
    )

    with pytest.raises(PermissionDeniedError) as refusal:
        await Authorize(authorizer=RoleAuthorizer())(query)

    assert refusal.value.facts == {"permission": "capsule:write", "rule": "roles"}


async def test_an_authorizer_that_breaks_has_denied() -> None:
    authorize = Authorize(authorizer=BrokenAuthorizer())

    decision = await authorize.ask(QUERY)

    assert (decision.allowed, decision.rule) == (False, AUTHORIZER_FAILED)
    with pytest.raises(PermissionDeniedError):
        await authorize(QUERY)


async def test_a_decision_on_something_else_allows_nothing() -> None:
    other = Decision(allowed=True, permission="conversation:sing", rule="role:member")

    decision = await Authorize(authorizer=FixedAuthorizer(other)).ask(QUERY)

    assert (decision.allowed, decision.rule) == (False, AUTHORIZER_FAILED)
