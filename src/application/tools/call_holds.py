"""Which accounts bear a tool call that a client makes by itself."""

from domain.budget.account import Account, AccountKind, Hold
from domain.kernel.identifiers import AccountId, SessionId
from domain.kernel.metering import Metric
from domain.kernel.principal import Principal


def call_holds(
    principal: Principal, session_id: SessionId | None = None, capsule: str = ""
) -> tuple[Hold, ...]:
    """One tool call, in the tenant's account and in every other one that has a limit."""
    tenant_id = principal.tenant_id
    others = [Account(AccountKind.USER, principal.subject)]
    if session_id is not None:
        others.append(Account(AccountKind.SESSION, str(session_id)))
    if capsule:
        others.append(Account(AccountKind.CAPSULE, capsule))
    if principal.key_id is not None:
        others.append(Account(AccountKind.KEY, str(principal.key_id)))
    return (
        Hold(AccountId(tenant_id), Metric.TOOL_CALLS, 1, required=True),
        *(Hold(one.id_in(tenant_id), Metric.TOOL_CALLS, 1) for one in others),
    )
