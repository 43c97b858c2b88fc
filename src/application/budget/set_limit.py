"""Set what an account may use in a month."""

from dataclasses import dataclass
from typing import final

from application.budget.ports import Budgets, Limit
from domain.budget.account import AccountKind
from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLimitCommand:
    tenant_id: TenantId
    limit: Limit


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SetLimit:
    """Set a limit at once and for the months to come; one under what is used undoes nothing."""

    budgets: Budgets

    async def __call__(self, command: SetLimitCommand) -> Limit:
        """The limit that is in force. Setting it again changes nothing.

        Raises:
            InvalidArgumentError: The amount is out of range, or the account is another tenant's.
        """
        account = command.limit.account
        if account.kind is AccountKind.TENANT and account.name != str(command.tenant_id):
            raise InvalidArgumentError("account", "a tenant's own account bears its own name")
        await self.budgets.set_limit(command.tenant_id, command.limit)
        return command.limit
