"""What belongs to a turn comes back from bytes as it was."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.postgres.turn_codec import (
    BODIES,
    decode_checkpoint,
    decode_events,
    decode_order,
    decode_outcome,
    encode,
    encode_checkpoint,
    encode_events,
    encode_outcome,
    encode_terms,
)
from application.conversation.ports.checkpoint import Checkpoint
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


said: Final = st.builds(
    Message,
    role=st.sampled_from(Role),
    text=texts,
    calls=st.lists(st.builds(ToolCall, texts, texts, texts)).map(tuple),
    call_id=texts,
)
st.register_type_strategy(Message, said)
st.register_type_strategy(float, st.floats(0, 1))
st.register_type_strategy(bytes, st.binary())


@given(st.from_type(Checkpoint))
def test_checkpoints_come_back_equal(kept: Checkpoint) -> None:
    assert decode_checkpoint(encode_checkpoint(kept)) == kept


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="checkpoint"):
        encode_checkpoint(Checkpoint(messages=(Message(Role.ASSISTANT, "\ud800"),)))


def test_what_the_first_revision_kept_of_a_pause_is_what_was_said_since_the_user() -> None:
    first = (Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "Send it"))
    later = (
        Message(Role.ASSISTANT, "", (ToolCall("a", "clock", "{}"),)),
        Message(Role.TOOL, "noon", call_id="a"),
        Message(Role.ASSISTANT, "", (ToolCall("b", "send", "{}"),)),
    )

    kept = decode_checkpoint(encode("transcript", (*first, *later)))

    assert kept == Checkpoint(messages=later, round=1)


def test_nothing_stored_is_nothing() -> None:
    assert (decode_checkpoint(None), decode_checkpoint(b"")) == (Checkpoint(), Checkpoint())
    assert decode_outcome(None).usage == Usage()
