"""How steps are generated: what matters often, what is rare now and then."""

from dataclasses import replace
from typing import TypeVar

from hypothesis import strategies as st

from domain.conversation.turn import TurnState
from domain.tools.invocation import InvocationState
from tests.contract.commands import EVERYTHING
from tests.differential.steps import (
    MANY_SESSIONS,
    Accept,
    Again,
    Amount,
    Append,
    Begin,
    Decide,
    DeleteSession,
    Expire,
    Extend,
    ExtendReservation,
    Finish,
    HandBack,
    Outcome,
    Pause,
    Promoted,
    Release,
    Renew,
    Reserve,
    Resume,
    SetLimit,
    Settle,
    Start,
    Step,
    TakeOn,
    Together,
)

_index = st.sampled_from((0, 0, 0, 0, 0, 1, 1, 2, 3, 8))
_tenant = st.sampled_from((0, 0, 1))
_session = st.sampled_from((1, 1, 2, 0))
_server = st.integers(0, 1)
_digest = st.sampled_from((0, 0, 0, 1))
_last_event = st.sampled_from((EVERYTHING, EVERYTHING, EVERYTHING, 0, 1, 2, 3))
_off = st.sampled_from((0, 0, 0, 0, 0, 0, -1, 1))


def _lines(most: int, amounts: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[Amount, ...]]:
    line = st.builds(
        Amount,
        account=st.sampled_from((0, 0, 1, 1, 2, 3)),
        metric=st.sampled_from((0, 0, 1)),
        amount=amounts,
        required=st.sampled_from((False,) * 9 + (True,)),
    )
    return st.lists(line, min_size=1, max_size=most).map(tuple)


def _holds(most: int) -> st.SearchStrategy[tuple[Amount, ...]]:
    return _lines(most, st.sampled_from((0, 0, 40, 90, 100, 150, 250, 400)))


def _uses(most: int) -> st.SearchStrategy[tuple[Amount, ...]]:
    return _lines(most, st.sampled_from((0, 40, 90, 150, 300, 600)))


_accept = st.builds(
    Accept,
    tenant=_tenant,
    session=_session,
    server=_server,
    request=st.none() | st.integers(0, 3),
    digest=_digest,
    last_event=_last_event,
    holds=_holds(4),
)
_extend = st.builds(
    Extend,
    turn=_index,
    fence=_off,
    round=_off,
    holds=_holds(3),
    calls=st.sampled_from((0, 0, 1, 2)),
)
_finish = st.builds(
    Finish,
    turn=_index,
    fence=_off,
    state=st.sampled_from((TurnState.COMPLETED, TurnState.FAILED, TurnState.CANCELLED)),
    uses=_uses(3),
    events=st.integers(0, 2),
)
_together = st.builds(
    Together,
    steps=st.lists(_accept | _accept | _accept | _extend | _finish, min_size=2, max_size=14).map(
        tuple
    ),
)
_limit = st.builds(
    SetLimit,
    tenant=_tenant,
    account=st.integers(0, 2),
    metric=st.integers(0, 1),
    amount=st.none() | st.sampled_from((0, 100, 300, 500, 900)),
)
_pause = st.builds(
    Pause,
    turn=_index,
    fence=_off,
    uses=_uses(2),
    waiting=st.integers(0, 2),
    overdue=st.sampled_from((False, False, True)),
)
_take_on = st.builds(
    TakeOn,
    turn=_index,
    server=_server,
    fence=_off,
    step=st.sampled_from((0, 0, 0, 1, 2)),
    progressed=st.booleans(),
    uses=_uses(2),
    holds=_holds(3),
)
_outcome = st.builds(
    Outcome,
    call=_index,
    fence=_off,
    state=st.sampled_from(
        (InvocationState.SUCCEEDED, InvocationState.FAILED, InvocationState.UNKNOWN)
    ),
)
_begin = st.builds(
    Begin,
    tenant=_tenant,
    request=st.integers(0, 3),
    digest=_digest,
    state=st.sampled_from((InvocationState.STARTED, InvocationState.PENDING_APPROVAL)),
)
_append = st.builds(
    Append,
    turn=_index,
    fence=_off,
    skip=st.sampled_from((0, 0, 0, 5, 1001)),
    count=st.integers(1, 3),
)
_reserve = st.builds(
    Reserve,
    tenant=_tenant,
    request=st.none() | st.integers(0, 3),
    digest=_digest,
    holds=_holds(3),
)
_OFTEN: tuple[tuple[int, st.SearchStrategy[Step]], ...] = (
    # A failing sequence is shrunk to the first, which changes nothing.
    (1, st.builds(Promoted, server=_server)),
    (8, _accept),
    (5, _extend),
    (5, _finish),
    (7, _together),
    (4, st.builds(Again, back=st.sampled_from((1, 1, 2, 3, 5, 8, 12)))),
    (4, _pause),
    (4, st.builds(Decide, call=_index, approved=st.booleans())),
    (4, st.builds(Resume, turn=_index, fence=_off, server=_server, holds=_holds(3))),
    (4, _outcome),
    (1, _begin),
    (1, st.builds(Start, call=_index)),
    (3, _limit),
    (4, _take_on),
    (3, st.builds(Expire, tenant=_tenant, server=_server)),
    (1, st.builds(Renew, turn=_index, fence=_off, ceiling=st.sampled_from((10, 1500)))),
    (2, _append),
    (1, st.builds(HandBack, turn=_index, fence=_off, server=_server)),
    (3, _reserve),
    (1, st.builds(ExtendReservation, reservation=_index, step=_off, holds=_holds(2))),
    (1, st.builds(Settle, reservation=_index, uses=_uses(2))),
    (1, st.builds(Release, reservation=_index)),
    (1, st.builds(DeleteSession, tenant=_tenant, session=st.just(2))),
)
steps: st.SearchStrategy[Step] = st.sampled_from(
    [kind for weight, kind in _OFTEN for _ in range(weight)]
).flatmap(lambda kind: kind)

_many_sessions = st.builds(
    Accept,
    tenant=_tenant,
    session=st.integers(0, MANY_SESSIONS - 1),
    server=st.just(0),
    request=st.none() | st.integers(0, 3),
    digest=_digest,
    last_event=_last_event,
    holds=_lines(4, st.sampled_from((0, 10, 40, 90, 250))),
)
_ends = st.tuples(_uses(3), st.integers(0, 2)).map(
    lambda drawn: Finish(0, 0, TurnState.COMPLETED, drawn[0], drawn[1])
)
_rounds = st.builds(
    Extend, turn=st.just(0), fence=st.just(0), round=st.just(0), holds=_holds(3), calls=st.just(0)
)


_Part = TypeVar("_Part", Extend, Finish)


def _each(parts: st.SearchStrategy[_Part]) -> st.SearchStrategy[Together]:
    """One command for each of so many turns, the newest first."""

    def numbered(made: list[_Part]) -> Together:
        return Together(tuple(replace(part, turn=number) for number, part in enumerate(made)))

    return st.lists(parts, min_size=2, max_size=20).map(numbered)


batches: st.SearchStrategy[list[Together]] = st.lists(
    st.one_of(
        st.lists(_many_sessions, min_size=2, max_size=40).map(lambda made: Together(tuple(made))),
        _each(_rounds),
        _each(_ends),
    ),
    min_size=4,
    max_size=10,
)
"""Batches of one kind: many acceptances, or rounds or ends of many turns."""
