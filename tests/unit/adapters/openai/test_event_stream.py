"""The parser of server-sent events, as examples and over every way to cut a stream."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.openai.event_stream import LONGEST_EVENT, EventStream, EventTooLongError


def events_of(*reads: bytes) -> list[bytes]:
    stream = EventStream()
    return [event for read in reads for event in stream.feed(read)]


def cut(text: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


STREAM = (
    "\ufeff: hello\n\n"
    'data: {"a": "größer"}\n\n'
    "event: x\ndata:no space\nid: 1\n\n"
    "data: first\ndata: second\n\n"
    "\n\n"
    "retry: 10\n\n"
    "data:  two spaces\n\n"
    "data: [DONE]\n\n"
)
EVENTS = [
    '{"a": "größer"}'.encode(),
    b"no space",
    b"first\nsecond",
    b" two spaces",
    b"[DONE]",
]


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_break_is_one(line_break: str) -> None:
    text = STREAM.replace("\n", line_break).encode()

    # A lone return at the very end may be half of a break, so one more byte tells.
    assert events_of(text, b"\n") == EVENTS


@given(
    line_break=st.sampled_from(["\n", "\r\n", "\r"]),
    places=st.lists(st.integers(min_value=0, max_value=2000), max_size=40),
)
def test_where_reads_are_cut_changes_nothing(line_break: str, places: list[int]) -> None:
    mark, text = STREAM[0].encode(), STREAM[1:].replace("\n", line_break).encode()
    first, *rest = cut(text, places)

    assert events_of(mark + first, *rest, b"\n") == EVENTS


@given(places=st.lists(st.integers(min_value=0, max_value=2000), max_size=10))
def test_plain_events_are_given_as_soon_as_they_are_whole(places: list[int]) -> None:
    payloads = [b'{"n": %d}' % number for number in range(20)]
    text = b"".join(b"data: " + payload + b"\n\n" for payload in payloads)
    stream = EventStream()
    given_so_far: list[bytes] = []
    read = 0

    for part in cut(text, places):
        given_so_far += stream.feed(part)
        read += len(part)
        assert len(given_so_far) == text[:read].count(b"\n\n")

    assert given_so_far == payloads


def test_an_event_without_its_end_is_not_given() -> None:
    assert events_of(b"data: {}\n") == []


def test_a_line_that_looks_like_data_inside_data_stays_data() -> None:
    assert events_of(b"data: a\n\ndata: b\ndata: c\n\n") == [b"a", b"b\nc"]


def test_an_event_that_never_ends_is_refused() -> None:
    stream = EventStream()
    for _ in range(LONGEST_EVENT // 1024):
        stream.feed(b"x" * 1024)

    with pytest.raises(EventTooLongError):
        stream.feed(b"x")


def test_one_read_that_is_too_long_an_event_is_refused() -> None:
    with pytest.raises(EventTooLongError):
        EventStream().feed(b"data: " + b"x" * LONGEST_EVENT)
