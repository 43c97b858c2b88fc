"""Ask for a permission before anything is done under it."""

from dataclasses import dataclass
from typing import Final, final

from application.authorization.ports import Authorizer
from domain.authorization.decision import Decision
from domain.authorization.errors import PermissionDeniedError
from domain.authorization.rule import denied
from domain.kernel.principal import Principal

AUTHORIZER_FAILED: Final = "authorizer:failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizeQuery:
    """`resource` is named as on the wire (`tenants/acme/…`); empty for the service as a whole."""

    principal: Principal
    permission: str
    resource: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Authorize:
    """Give the decision that allows, whose `rule` is the permit to record, or refuse."""

    authorizer: Authorizer

    async def __call__(self, query: AuthorizeQuery) -> Decision:
        """Allow or refuse.

        Raises:
            PermissionDeniedError: No rule allows it, or the authorizer could not tell.
        """
        decision = await self.ask(query)
        if not decision.allowed:
            raise PermissionDeniedError(decision.permission, decision.rule, decision.reason)
        return decision

    async def ask(self, query: AuthorizeQuery) -> Decision:
        """The decision itself, where a denial is only one candidate's."""
        try:
            decision = await self.authorizer.decide(
                query.principal, query.permission, query.resource
            )
        except Exception:  # noqa: BLE001 - in whatever way an authorizer breaks, it has not allowed
            return denied(query.permission, AUTHORIZER_FAILED, "no decision could be made")
        if decision.permission != query.permission:
            return denied(query.permission, AUTHORIZER_FAILED, "another was decided on")
        return decision
