"""How steps are generated: what matters often, what is rare now and then."""

from hypothesis import strategies as st

from domain.conversation.turn import TurnState
from domain.tools.invocation import InvocationState
from tests.differential.steps import (
    SESSIONS,
    TENANTS,
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
    Together,
)

_index = st.sampled_from((0, 0, 0, 1, 1, 2, 3, 5, 8, 13))
_tenant = st.integers(0, TENANTS - 1)
_session = st.integers(0, SESSIONS - 1)
_server = st.integers(0, 1)
_digest = st.sampled_from((0, 0, 0, 1))
_off = st.sampled_from((0, 0, 0, 0, 0, 0, -1, 1))
_amounts = st.sampled_from((0, 1, 40, 90, 100, 250, 400))


def _lines(most: int) -> st.SearchStrategy[tuple[Amount, ...]]:
    line = st.builds(
        Amount,
        account=st.integers(0, 3),
        metric=st.integers(0, 1),
        amount=_amounts,
        required=st.sampled_from((False, False, False, True)),
    )
    return st.lists(line, max_size=most).map(tuple)


_accept = st.builds(
    Accept,
    tenant=_tenant,
    session=_session,
    server=_server,
    request=st.none() | st.integers(0, 3),
    digest=_digest,
    holds=_lines(4),
)
_extend = st.builds(
    Extend,
    turn=_index,
    fence=_off,
    round=_off,
    holds=_lines(3),
    calls=st.sampled_from((0, 0, 1, 2)),
)
_finish = st.builds(
    Finish,
    turn=_index,
    fence=_off,
    state=st.sampled_from((TurnState.COMPLETED, TurnState.FAILED, TurnState.CANCELLED)),
    uses=_lines(3),
    events=st.integers(0, 2),
)
_together = st.builds(
    Together, steps=st.lists(_accept | _accept | _extend | _finish, min_size=2).map(tuple)
)
_limit = st.builds(
    SetLimit,
    tenant=_tenant,
    account=st.integers(0, 2),
    metric=st.integers(0, 1),
    amount=st.none() | st.sampled_from((0, 100, 300, 500, 900)),
)
_calls = st.one_of(
    st.builds(Decide, call=_index, approved=st.booleans()),
    st.builds(
        Outcome,
        call=_index,
        fence=_off,
        state=st.sampled_from(
            (InvocationState.SUCCEEDED, InvocationState.FAILED, InvocationState.UNKNOWN)
        ),
    ),
    st.builds(
        Begin,
        tenant=_tenant,
        request=st.integers(0, 3),
        digest=_digest,
        state=st.sampled_from((InvocationState.STARTED, InvocationState.PENDING_APPROVAL)),
    ),
    st.builds(Start, call=_index),
)
_pauses = st.one_of(
    st.builds(
        Pause,
        turn=_index,
        fence=_off,
        uses=_lines(2),
        waiting=st.integers(0, 2),
        overdue=st.booleans(),
    ),
    st.builds(Resume, turn=_index, server=_server, holds=_lines(3)),
)
_leases = st.one_of(
    st.builds(Promoted, server=_server),
    st.builds(Expire, tenant=_tenant, server=_server),
    st.builds(Renew, turn=_index, fence=_off, ceiling=st.sampled_from((10, 1500))),
    st.builds(
        Append,
        turn=_index,
        fence=_off,
        skip=st.sampled_from((0, 0, 0, 5, 1001)),
        count=st.integers(1, 3),
    ),
)
_reservations = st.one_of(
    st.builds(
        Reserve,
        tenant=_tenant,
        request=st.none() | st.integers(0, 3),
        digest=_digest,
        holds=_lines(3),
    ),
    st.builds(ExtendReservation, reservation=_index, step=_off, holds=_lines(2)),
    st.builds(Settle, reservation=_index, uses=_lines(2)),
    st.builds(Release, reservation=_index),
)
_others = st.one_of(
    st.builds(Again, back=st.integers(1, 12)),
    st.builds(Again, back=st.integers(1, 3)),
    _limit,
    st.builds(DeleteSession, tenant=_tenant, session=_session),
)
# A choice among choices, so that turns are most of what happens; the first is what a failing
# sequence is shrunk to, and changes nothing.
steps: st.SearchStrategy[Step] = st.one_of(
    _leases, _accept, _accept, _extend, _finish, _together, _calls, _pauses, _reservations, _others
)
