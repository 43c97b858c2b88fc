"""What belongs to a turn comes back from bytes as it was."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.postgres.turn_codec import (
    BODIES,
    decode_events,
    decode_messages,
    decode_order,
    decode_outcome,
    encode_events,
    encode_messages,
    encode_outcome,
    encode_terms,
)
from domain.conversation.message import Message, Role, ToolCall
from domain.conversation.turn import Failure, TurnOrder, Usage
from domain.conversation.turn_event import TurnEvent, TurnEventBody
from domain.kernel.errors import InvalidArgumentError

texts: Final = st.text(st.characters(exclude_categories=["Cs"]))
counts: Final = st.integers(0, 2**53)
moments: Final = st.datetimes(timezones=st.just(UTC))
usages: Final = st.builds(
    Usage,
    prompt_tokens=counts,
    completion_tokens=counts,
    cached_tokens=counts,
    estimated=st.booleans(),
)
failures: Final = st.builds(
    Failure, kind=texts, reason=texts, message=texts, facts=st.dictionaries(texts, texts)
)
for kind, strategy in {str: texts, int: counts, datetime: moments}.items():
    st.register_type_strategy(kind, strategy)
st.register_type_strategy(Usage, usages)
st.register_type_strategy(Failure, failures)
bodies: Final = st.one_of(*(st.from_type(kind) for kind in BODIES.values()))
events: Final = st.builds(TurnEvent, sequence=counts, at=moments, body=bodies)


@given(st.lists(events))
def test_events_come_back_equal(told: list[TurnEvent]) -> None:
    assert decode_events(encode_events(told)) == told


def test_every_kind_of_event_is_stored() -> None:
    assert set(BODIES.values()) == set(TurnEventBody.__args__)


@given(usages, st.none() | failures)
def test_outcomes_come_back_equal(usage: Usage, failure: Failure | None) -> None:
    found = decode_outcome(encode_outcome(usage, failure))

    assert (found.usage, found.failure) == (usage, failure)


st.register_type_strategy(UUID, st.uuids())


@given(st.from_type(TurnOrder))
def test_orders_come_back_equal(order: TurnOrder) -> None:
    assert decode_order(encode_terms(order), order.text) == order


@given(
    st.lists(
        st.builds(
            Message,
            role=st.sampled_from(Role),
            text=texts,
            calls=st.lists(st.builds(ToolCall, texts, texts, texts)).map(tuple),
            call_id=texts,
        )
    )
)
def test_messages_come_back_equal(messages: list[Message]) -> None:
    assert decode_messages(encode_messages(messages)) == tuple(messages)


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="transcript"):
        encode_messages([Message(Role.USER, "\ud800")])


def test_nothing_stored_is_nothing() -> None:
    assert (decode_messages(None), decode_messages(b"")) == ((), ())
    assert decode_outcome(None).usage == Usage()
