"""Which accounts a turn's use counts in, and what is held in each of them."""

from collections.abc import Sequence
from functools import lru_cache

from domain.budget.account import Account, AccountKind, Hold, Use
from domain.conversation.turn import Usage
from domain.kernel.identifiers import AccountId, KeyId, SessionId, TenantId
from domain.kernel.metering import PRICE_VERSION, Metric
from domain.kernel.principal import Principal


@lru_cache(maxsize=4096)
def _accounts(
    tenant_id: TenantId, subject: str, key_id: KeyId | None, session_id: SessionId, capsule: str
) -> tuple[AccountId, ...]:
    named = [
        Account(AccountKind.USER, subject),
        Account(AccountKind.SESSION, str(session_id)),
        Account(AccountKind.CAPSULE, capsule),
    ]
    if key_id is not None:
        named.append(Account(AccountKind.KEY, str(key_id)))
    return tuple(account.id_in(tenant_id) for account in named)


def turn_holds(
    principal: Principal,
    session_id: SessionId,
    capsule: str,
    amounts: Sequence[tuple[Metric, int]],
) -> tuple[Hold, ...]:
    """Hold the amounts in the tenant's account and in every other one that has a limit."""
    tenant_id = principal.tenant_id
    own = AccountId(tenant_id)
    others = _accounts(tenant_id, principal.subject, principal.key_id, session_id, capsule)
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
