"""Tools' names on the wire."""

import re

from hypothesis import given
from hypothesis import strategies as st

from adapters.openai.tool_names import ToolNames


def test_a_plain_name_is_sent_as_it_is() -> None:
    assert ToolNames.of(["current_time"]).sent == {"current_time": "current_time"}


def test_names_that_would_be_equal_are_told_apart() -> None:
    names = ToolNames.of(["a.b", "a b", "a_b"])

    assert list(names.sent.values()) == ["a_b", "a_b_2", "a_b_3"]
    assert names.name("a_b_2") == "a b"


def test_a_name_that_was_never_sent_stays_as_it_came() -> None:
    assert ToolNames.of(["a"]).name("nothing.of_ours") == "nothing.of_ours"


@given(st.lists(st.text(max_size=80), max_size=20))
def test_every_name_is_accepted_and_found_again(tools: list[str]) -> None:
    names = ToolNames.of(tools)

    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", sent) for sent in names.sent.values())
    assert [names.name(names.sent[tool]) for tool in tools] == tools
