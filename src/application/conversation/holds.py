"""Which accounts a turn's use counts in, and what is held in each of them."""

from collections.abc import Sequence
from functools import lru_cache

from domain.budget.account import Account, AccountKind, Hold, Use
from domain.conversation.turn import Usage
from domain.kernel.identifiers import AccountId, SessionId, TenantId
from domain.kernel.metering import PRICE_VERSION, Metric
from domain.kernel.principal import Principal


@lru_cache(maxsize=1024)
def _account(tenant_id: TenantId, kind: AccountKind, name: str) -> AccountId:
    return Account(kind, name).id_in(tenant_id)


def _accounts(principal: Principal, session_id: SessionId, capsule: str) -> tuple[AccountId, ...]:
    tenant_id = principal.tenant_id
    named = (
        _account(tenant_id, AccountKind.USER, principal.subject),
        _account(tenant_id, AccountKind.SESSION, str(session_id)),
        _account(tenant_id, AccountKind.CAPSULE, capsule),
    )
    if principal.key_id is None:
        return named
    return (*named, _account(tenant_id, AccountKind.KEY, str(principal.key_id)))


def turn_holds(
    principal: Principal,
    session_id: SessionId,
    capsule: str,
    amounts: Sequence[tuple[Metric, int]],
) -> tuple[Hold, ...]:
    """Hold the amounts in the tenant's account and in every other one that has a limit."""
    own = AccountId(principal.tenant_id)
    others = _accounts(principal, session_id, capsule)
    return tuple(
        Hold(account_id, metric, amount, required=account_id is own)
        for metric, amount in amounts
        if amount
        for account_id in (own, *others)
    )


def turn_uses(usage: Usage) -> tuple[Use, ...]:
    """What a turn is billed for, at the list prices of now."""
    amounts = (
        (Metric.TOKENS, usage.tokens),
        (Metric.TOOL_CALLS, usage.tool_calls),
        (Metric.API_CALLS, usage.api_calls),
    )
    return tuple(Use(metric, amount, PRICE_VERSION) for metric, amount in amounts if amount)
