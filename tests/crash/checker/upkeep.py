"""What servers do besides: warnings are told once, what was planted is set right, room is made."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from domain.budget.account import WARNINGS
from somagent.events.v1 import events_pb2
from tests.crash.checker.ground import Ground
from tests.crash.checker.violation import Kind, Violation
from tests.crash.spoiling import POISON

_DUE: Final = """
    select tenant_id, 'nobody was told that account ' || account_id || ' passed ' || warned || ' %%'
    from accounts where tenant_id = any (%(tenants)s) and warned > announced
      and limit_amount is not null
"""

_KEPT: Final = """
    select tenant_id, 'request ' || request_id || ' of ' || created_at || ' is kept still'
    from requests where tenant_id = any (%(tenants)s) and created_at < now() - interval '3 days'
"""

_FOUND: Final = """
    select tenant_id, kind || ' of ' || reference || ': ' || detail
    from findings where tenant_id = any (%(tenants)s) and not repaired
"""

_REPAIRED: Final = """
    select tenant_id, kind || ' of ' || reference || ' was repaired: ' || detail
    from findings where tenant_id = any (%(tenants)s) and tenant_id <> %(idle)s and repaired
"""
"""Only where it is planted is anything wrong that can be repaired."""

_ASIDE: Final = """
    select o.tenant_id, 'event ' || o.event_id || ' (' || o.type || ')'
        || case when l.letter_id is null then ' rests nowhere' else ' was set aside' end
    from outbox o left join dead_letters l
        on l.tenant_id = o.tenant_id and l.source = 'relay' and l.origin = o.event_id::text
    where o.tenant_id = any (%(tenants)s)
      and (o.type = %(poison)s) = (l.letter_id is null)
"""
"""What no topic takes is set aside, and nothing else is."""

_HELD: Final = """
    select tenant_id, account_id::text from accounts
    where tenant_id = any (%(tenants)s) and held <> 0 and metric <> 10
"""

_ROOMLESS: Final = """
    select null::uuid, 'there is no room for records of ' || month
    from to_char(now() at time zone 'UTC' + interval '2 months', 'YYYY_MM') month
    where to_regclass('public.records_' || month) is null
"""

_UNDONE: Final = (_DUE, _KEPT, _FOUND, _ROOMLESS)

UPKEEP: Final = " + ".join(
    f"(select count(*) from ({one}) undone)"  # noqa: S608 - statements of our own
    for one in (*_UNDONE, _HELD)
)
"""How much is left to do."""

_ANNOUNCED: Final = """
    select a.tenant_id, l.name, a.metric, p.percent from accounts a
    join limits l using (tenant_id, account_id, metric)
    join unnest(%(percents)s::integer[]) p(percent) on a.announced >= p.percent
    where a.tenant_id = any (%(tenants)s)
"""

_WARNINGS: Final = """
    select tenant_id, payload from outbox
    where tenant_id = any (%(tenants)s) and type = 'budget.warning'
"""


def check_upkeep(ground: Ground) -> Iterator[Violation]:
    for statement in _UNDONE:
        for tenant, what in ground.rows(statement):
            yield Violation(Kind.STUCK, f"{ground.slug(tenant)}: {what}")
    for tenant, what in ground.rows(_REPAIRED, {"idle": ground.evidence.idle}):
        yield Violation(Kind.STUCK, f"{ground.slug(tenant)}: {what}")
    for tenant, what in ground.rows(_ASIDE, {"poison": POISON}):
        yield Violation(Kind.LOST, f"{ground.slug(tenant)}: {what}")
    told = Counter[tuple[object, str, int, int]]()
    for tenant, payload in ground.rows(_WARNINGS):
        one = events_pb2.BudgetWarning.FromString(payload)
        told[tenant, one.account.id, one.metric, one.percent] += 1
    announced = set(ground.rows(_ANNOUNCED, {"percents": list(WARNINGS)}))
    for key in sorted({*told, *announced}, key=str):
        tenant, name, metric, percent = key
        if told[key] != (key in announced):
            kind = Kind.LOST if not told[key] else Kind.DOUBLED
            what = f"{name} passed {percent} % of metric {metric}: told {told[key]} times"
            yield Violation(kind, f"{ground.slug(tenant)}: {what}")
