"""The checker finds what is planted: each promise of the service, broken in one place."""

import tomllib
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import psycopg
import pytest
import pytest_asyncio

from tests.crash.acts import Acts
from tests.crash.caller import Caller, is_lost
from tests.crash.checker.checker import check_stored
from tests.crash.checker.ground import Ground
from tests.crash.checker.violation import Kind, Violation
from tests.crash.evidence import Asked, Evidence, Refusal
from tests.crash.laboratory import laboratory
from tests.crash.script import CANARY
from tests.crash.tool_server import POST
from tests.system.client import RefusedError

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("checker")]

ONE_OF_EACH = (
    "plain", "slow", "tool", "tools", "stamped", "posted", "approved", "endorsed", "sanctioned",
    "forsaken", "executed", "released", "settled", "recorded", "remembered", "forgotten",
    "published", "registered", "keyed", "unkeyed", "stopped", "warned", "withdrawn",
    "overtaken",
)  # fmt: skip

PLANTED = tomllib.loads(Path(__file__).with_name("planted.toml").read_text())

ENDED = "(select turn_id from turns where state = 4 and {mine} order by turn_id limit 1)"
"""A turn that was completed, of the run's tenants."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A run in which nothing went wrong, to be spoilt in one place at a time."""

    connection: psycopg.Connection[tuple[object, ...]]
    evidence: Evidence
    public_key: bytes

    def check(self, evidence: Evidence, **texts: str) -> list[Violation]:
        return check_stored(Ground(self.connection, evidence), self.public_key, texts)

    def planted(self, statement: str) -> list[Violation]:
        """What is found once the statement was run; it is undone."""
        mine, other = (f"tenant_id = '{at.tenant_id}'" for at in self.evidence.tenants[:2])
        whole = statement.format(
            mine=mine, other=other, ended=ENDED.format(mine=mine), canary=CANARY
        )
        with self.connection.transaction(force_rollback=True):
            done = self.connection.execute(whole.encode())
            assert done.rowcount > 0
            return self.check(self.evidence)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench() -> AsyncGenerator[Bench]:
    async with laboratory(81, servers=1) as lab:
        evidence = await lab.tenants(2)
        for witness in evidence.tenants:
            acts = Acts(Caller(witness, evidence, lab.chance))
            await acts.open()
            for act in ONE_OF_EACH:
                await acts.do(act)
        await lab.over(evidence)
        with psycopg.connect(lab.owner_url, autocommit=True) as connection:
            yield Bench(connection, evidence, lab.public_key)


async def test_a_run_in_which_nothing_went_wrong_has_no_findings(bench: Bench) -> None:
    assert bench.check(bench.evidence) == []
    assert {asked.last for asked in bench.evidence.asked} == {"completed"}


@pytest.mark.parametrize("what", PLANTED)
async def test_what_is_planted_in_the_database_is_found(bench: Bench, what: str) -> None:
    planted = PLANTED[what]

    found = bench.planted(planted["statement"])

    assert planted["kind"] in {one.kind for one in found}
    assert planted.get("words", "") in "\n".join(one.what for one in found)


def tell_two_turns(asked: Asked) -> None:
    asked.turns.add(f"{asked.turn[:-12]}{'0' * 12}")


def hear_a_number_again(asked: Asked) -> None:
    asked.heard.insert(1, asked.heard[1])


def miss_a_number(asked: Asked) -> None:
    del asked.heard[1]


def hear_another_answer(asked: Asked) -> None:
    asked.heard[-1].completed.text = "Something else."


def hear_no_end(asked: Asked) -> None:
    asked.gave_up = "at last"


def hear_a_failure(asked: Asked) -> None:
    asked.heard[-1].failed.error.reason = "INTERNAL"


def refuse_the_end(asked: Asked) -> None:
    del asked.heard[-1]
    asked.refused = "SEQUENCE_OUT_OF_RANGE"


def hear_another_turn_again(asked: Asked) -> None:
    asked.again = deepcopy(asked.heard)
    asked.again[0].accepted.turn = "another"


def hear_another_end_again(asked: Asked) -> None:
    asked.again = deepcopy(asked.heard)
    asked.again[-1].completed.text = "Something else."


def hear_of_a_turn_that_is_not_there(asked: Asked) -> None:
    asked.request_id = "other"


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (tell_two_turns, Kind.DOUBLED),
        (hear_a_number_again, Kind.DOUBLED),
        (miss_a_number, Kind.LOST),
        (hear_another_answer, Kind.LOST),
        (hear_no_end, Kind.STUCK),
        (hear_a_failure, Kind.LOST),
        (refuse_the_end, Kind.LOST),
        (hear_another_turn_again, Kind.DOUBLED),
        (hear_another_end_again, Kind.LOST),
        (hear_of_a_turn_that_is_not_there, Kind.LOST),
    ],
)
async def test_what_a_client_was_told_wrongly_is_found(
    bench: Bench, spoil: Callable[[Asked], None], kind: Kind
) -> None:
    spoilt = [deepcopy(asked) for asked in bench.evidence.asked]
    spoil(spoilt[0])

    found = bench.check(replace(bench.evidence, asked=spoilt))

    assert kind in {one.kind for one in found}


async def test_a_refusal_without_a_reason_is_found(bench: Bench) -> None:
    refused = RefusedError(grpc.StatusCode.INVALID_ARGUMENT, "no")

    assert Kind.LEAKED in kinds_of(bench, "ProcessMessageRequest", refused)


@pytest.mark.parametrize(
    ("request_type", "reason", "limited"),
    [
        ("ProcessMessageRequest", "INTERNAL", False),
        ("ProcessMessageRequest", "SESSION_NOT_FOUND", False),
        ("ProcessMessageRequest", "BUDGET_EXHAUSTED", False),
        ("WatchTurnRequest", "SEQUENCE_OUT_OF_RANGE", False),
        ("WatchTurnRequest", "TURN_ALREADY_ENDED", False),
        ("RememberRequest", "BUDGET_EXHAUSTED", True),
    ],
)
async def test_a_refusal_that_nobody_earned_is_found(
    bench: Bench, request_type: str, reason: str, *, limited: bool
) -> None:
    refused = RefusedError(grpc.StatusCode.INTERNAL, "no", reason)

    assert kinds_of(bench, request_type, refused, limited=limited) == {Kind.LOST}


@pytest.mark.parametrize(
    ("request_type", "reason", "limited"),
    [
        ("ProcessMessageRequest", "DATABASE_UNAVAILABLE", False),
        ("ProcessMessageRequest", "BUDGET_EXHAUSTED", True),
        ("CancelTurnRequest", "TURN_ALREADY_ENDED", False),
    ],
)
async def test_a_refusal_with_a_cause_is_none(
    bench: Bench, request_type: str, reason: str, *, limited: bool
) -> None:
    refused = RefusedError(grpc.StatusCode.UNAVAILABLE, "no", reason)

    assert kinds_of(bench, request_type, refused, limited=limited) == set()


def kinds_of(
    bench: Bench, request_type: str, refused: RefusedError, *, limited: bool = False
) -> set[Kind]:
    """What is found when a request was refused so."""
    refusal = Refusal(request=request_type, error=refused, limited=limited)
    return {one.kind for one in bench.check(replace(bench.evidence, refusals=[refusal]))}


@pytest.mark.parametrize(
    ("code", "message", "lost"),
    [
        (grpc.StatusCode.UNAVAILABLE, "Socket closed", True),
        (grpc.StatusCode.INTERNAL, "Received RST_STREAM with error code 2", True),
        (grpc.StatusCode.UNKNOWN, "Unexpected <class 'ValueError'>: no", False),
        (grpc.StatusCode.INTERNAL, "a defect", False),
    ],
)
async def test_a_defect_is_not_taken_for_a_server_that_is_gone(
    code: grpc.StatusCode, message: str, *, lost: bool
) -> None:
    assert is_lost(RefusedError(code, message)) is lost


async def test_a_secret_and_personal_text_in_a_log_are_found(bench: Bench) -> None:
    secret = next(iter(bench.evidence.secrets))

    assert [one.kind for one in bench.check(bench.evidence, log=f"a {secret} b")] == [Kind.LEAKED]
    assert [one.kind for one in bench.check(bench.evidence, log=f"a {CANARY} b")] == [Kind.LEAKED]


async def test_a_call_that_was_made_though_its_person_said_no_is_found(bench: Bench) -> None:
    spoilt = [deepcopy(asked) for asked in bench.evidence.asked]
    next(asked for asked in spoilt if asked.kind == "tool").rejects = True

    found = bench.check(replace(bench.evidence, asked=spoilt))

    assert [one.kind for one in found] == [Kind.DOUBLED]


@pytest.mark.parametrize(("more", "kind"), [(1, Kind.LOST), (-1, Kind.DOUBLED)])
async def test_what_a_model_counted_otherwise_is_found(bench: Bench, more: int, kind: Kind) -> None:
    counted = Counter(bench.evidence.model.counted)
    counted[bench.evidence.asked[0].ident] += more

    model = replace(bench.evidence.model, counted=counted)
    found = bench.check(replace(bench.evidence, model=model))

    assert [one.kind for one in found] == [kind]


async def test_a_model_call_of_a_lost_server_that_is_not_billed_is_found(bench: Bench) -> None:
    model = deepcopy(bench.evidence.model)
    model.asked[bench.evidence.asked[0].ident] *= 2

    found = bench.check(replace(bench.evidence, model=model))

    assert [one.kind for one in found] == [Kind.LOST]
    assert "its model was asked 2 times" in found[0].what


async def test_a_result_of_which_a_model_was_told_otherwise_is_found(bench: Bench) -> None:
    model = deepcopy(bench.evidence.model)
    ident = next(asked.ident for asked in bench.evidence.asked if asked.kind == "tool")
    model.told[ident] = {(call, "") for call, _ in model.told[ident]}

    found = bench.check(replace(bench.evidence, model=model))

    assert [one.kind for one in found] == [Kind.LOST]
    assert "told to its model was ''" in found[0].what


async def test_a_prompt_that_lacks_what_was_said_before_is_found(bench: Bench) -> None:
    known = {ident: [set[str]()] for ident in bench.evidence.model.known}

    model = replace(bench.evidence.model, known=known)
    found = bench.check(replace(bench.evidence, model=model))

    assert {one.kind for one in found} == {Kind.LOST}
    assert all("was not told" in one.what for one in found)


@pytest.mark.parametrize("told", ["CANCELLED", "RUNNING"])
async def test_a_wish_to_cancel_that_was_forgotten_is_found(bench: Bench, told: str) -> None:
    spoilt = [deepcopy(asked) for asked in bench.evidence.asked]
    spoilt[0].cancelled = told

    found = bench.check(replace(bench.evidence, asked=spoilt))

    assert [one.kind for one in found] == [Kind.LOST]


async def test_a_call_that_is_billed_and_never_came_to_its_tool_is_found(bench: Bench) -> None:
    tools = deepcopy(bench.evidence.tools)
    tools.keys[POST].clear()

    found = bench.check(replace(bench.evidence, tools=tools))

    assert {one.kind for one in found} == {Kind.DOUBLED}
