"""The one checker: everything that must hold after any run, whatever was done to the servers."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random

import psycopg

from tests.crash.checker.access import check_access, check_keys
from tests.crash.checker.answers import check_answers
from tests.crash.checker.approvals import check_approvals
from tests.crash.checker.bills import check_bills
from tests.crash.checker.calls import check_calls
from tests.crash.checker.decisions import check_decisions
from tests.crash.checker.effects import check_effects
from tests.crash.checker.excuses import check_excuses
from tests.crash.checker.failures import check_failures
from tests.crash.checker.ground import Ground
from tests.crash.checker.history import check_history
from tests.crash.checker.inbound import check_inbound
from tests.crash.checker.kept import check_kept, check_recalls
from tests.crash.checker.money import check_money
from tests.crash.checker.proofs import check_proofs
from tests.crash.checker.published import check_published
from tests.crash.checker.streams import (
    check_heard_streams,
    check_replays,
    check_stored_streams,
)
from tests.crash.checker.told import check_told
from tests.crash.checker.turns import check_turns
from tests.crash.checker.upkeep import UPKEEP, check_upkeep
from tests.crash.checker.violation import Kind, Violation
from tests.crash.checker.walls import check_strangers, check_walls
from tests.crash.checker.wishes import check_wishes
from tests.crash.evidence import Evidence


def check_stored(ground: Ground, public_key: bytes, texts: Mapping[str, str]) -> list[Violation]:
    """What the database, the logs and the clients tell by themselves; no server is asked."""
    return [
        *check_turns(ground),
        *check_failures(ground),
        *check_excuses(ground.evidence),
        *check_stored_streams(ground),
        *check_heard_streams(ground.evidence),
        *check_money(ground),
        *check_bills(ground),
        *check_effects(ground),
        *check_calls(ground),
        *check_decisions(ground),
        *check_approvals(ground),
        *check_proofs(ground, public_key),
        *check_told(ground),
        *check_wishes(ground),
        *check_answers(ground),
        *check_history(ground),
        *check_published(ground),
        *check_inbound(ground),
        *check_walls(ground, texts),
        *check_kept(ground),
        *check_access(ground),
        *check_upkeep(ground),
        *_unanswered(ground.evidence),
        *ground.evidence.sampled,
    ]


def _unanswered(evidence: Evidence) -> Iterator[Violation]:
    for what in evidence.unanswered:
        yield Violation(Kind.STUCK, f"nobody answered {what}")


async def check_run(
    owner_url: str,
    evidence: Evidence,
    public_key: bytes,
    texts: Mapping[str, str],
    chance: Random,
) -> list[Violation]:
    """Everything, with what the servers answer now."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        found = check_stored(Ground(connection, evidence), public_key, texts)
    # What is asked now is to be answered: a database that is slow has broken nothing.
    asking = replace(
        evidence,
        tenants=[one.patient() for one in evidence.tenants],
        platform=evidence.platform.patient(),
    )
    found += [one async for one in check_replays(asking, chance)]
    found += [one async for one in check_strangers(asking)]
    found += [one async for one in check_recalls(asking, chance)]
    found += [one async for one in check_keys(asking, chance)]
    return found


OPEN_WORK = f"""
    select (select count(*) from turns where tenant_id = any (%(tenants)s) and state in (1, 2))
      + (select count(*) from records where tenant_id = any (%(tenants)s) and seal is null)
      + (select count(*) from outbox where tenant_id = any (%(tenants)s) and published_at is null)
      + (select count(*) from reservations where tenant_id = any (%(tenants)s) and state = 1)
      + (select count(*) from invocations
          where tenant_id = any (%(tenants)s) and (state = 3 or state = 2 and turn_id is null
            or state = 1 and invocation_id = any (%(forsaken)s)))
      + ({UPKEEP})
"""  # noqa: S608 - statements of our own
"""How much of a run is not over yet."""

RUN_OUT = """
    update reservations set expires_at = clock_timestamp()
    where tenant_id = any (%(tenants)s) and state = 1 and expires_at > clock_timestamp()
"""
"""The time of reservations passes; the database's own clock cannot be moved."""
