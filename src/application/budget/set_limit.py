"""Set what an account may use in a month."""

from dataclasses import dataclass
from typing import Final, final

from application.budget.ports import Budgets, Limit
from application.kernel.audit import Audit
from application.kernel.ports import CanonicalJson
from domain.budget.account import AccountKind
from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import RequestId, TenantId
from domain.kernel.principal import Principal
from domain.kernel.request_key import RequestKey

METHOD: Final = "SetLimit"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLimitCommand:
    """`etag` is the one that was read; empty changes whatever is there."""

    principal: Principal
    tenant_id: TenantId
    tenant: str
    limit: Limit
    etag: str
    request_id: RequestId


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SetLimit:
    """Set a limit at once and for the months to come; one under what is used undoes nothing."""

    budgets: Budgets
    canonical: CanonicalJson
    audit: Audit

    async def __call__(self, command: SetLimitCommand) -> Limit:
        """The limit that is in force. Setting it again changes nothing.

        Raises:
            InvalidArgumentError: The amount is out of range, or the account is another tenant's.
            EtagMismatchError: An etag was given, and it is another by now.
            IdempotencyKeyReusedError: The request id is known with another content.
        """
        limit, account = command.limit, command.limit.account
        if account.kind is AccountKind.TENANT and account.name != str(command.tenant_id):
            raise InvalidArgumentError("account", "a tenant's own account bears its own name")
        content = self.canonical.encode(
            [account.kind.value, account.name, limit.metric.value, limit.amount, command.etag]
        )
        return await self.budgets.set_limit(
            command.tenant_id,
            limit,
            etag=command.etag,
            request=RequestKey.of(METHOD, command.request_id, command.principal.subject, content),
            events=[
                self.audit.of(
                    command.tenant_id,
                    "budget:set_limit",
                    command.principal.subject,
                    f"tenants/{command.tenant}",
                )
            ],
        )
