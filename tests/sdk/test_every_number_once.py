"""However its streams break: a turn's events are given once, in order, and add up to its answer."""

from hypothesis import given, settings
from hypothesis import strategies as st

from somagent_client import Event, SomaAgent
from tests.sdk.clients import QUICK
from tests.sdk.histories import CEILING, Breaking, History, breaking
from tests.unit.entrypoints.cli.service import SESSION

words = st.text(alphabet="ab ", min_size=1, max_size=3)


@st.composite
def histories(draw: st.DrawFn) -> History:
    shown = draw(st.lists(words, max_size=8))
    written = draw(st.integers(min_value=0, max_value=len(shown) + 1))
    return History(shown, written, draw(st.lists(words, max_size=8)))


cuts = st.lists(st.tuples(st.integers(min_value=0, max_value=6), st.booleans()), max_size=12)


@settings(max_examples=60)
@given(history=histories(), cut=cuts, lost_after=st.integers(min_value=0, max_value=6))
async def test_every_number_is_given_once_or_told_as_void(
    history: History, cut: list[tuple[int, bool]], lost_after: int
) -> None:
    async with (
        breaking(Breaking(history, list(cut), lost_after)) as service,
        SomaAgent(service.address, tenant="demo", key="sk_test", policy=QUICK) as client,
    ):
        turn = client.session(SESSION).send("Hello")
        events: list[Event] = [event async for event in turn]
        answer = await turn

    given_numbers = [event.sequence for event in events]
    assert given_numbers == sorted(set(given_numbers))
    void = {number for event in events for number in event.voids}
    counted = {event.sequence for event in events} | void
    assert counted == set(range(1, events[-1].sequence + 1))
    valid = [event for event in events if event.sequence not in void]
    assert "".join(event.text for event in valid) == turn.text == answer.text == history.text
    assert [event.kind for event in events if event.closes] == ["completed"]
    assert void == (set(range(history.written + 1, CEILING + 1)))
    assert len(service.request_ids) == 1
