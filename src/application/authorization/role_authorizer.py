"""The built-in answer to who may do what: roles and scopes alone."""

from dataclasses import dataclass
from typing import final

from domain.authorization.decision import Decision
from domain.authorization.rule import decide
from domain.kernel.principal import Principal


@final
@dataclass(frozen=True, slots=True)
class RoleAuthorizer:
    """The domain's rule, behind the port."""

    async def decide(self, principal: Principal, permission: str, resource: str) -> Decision:
        return decide(principal, permission, resource)
