"""What a screen lets through."""

from hypothesis import given
from hypothesis import strategies as st

from entrypoints.cli.screen import one_line, printable
from tests.unit.entrypoints.cli.screens import readable_screen


@given(st.text())
def test_no_text_steers_a_terminal(text: str) -> None:
    assert not any(
        (ord(character) < 32 and character not in "\n\t") or 127 <= ord(character) < 160
        for character in printable(text)
    )


@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_a_line_is_one_and_no_longer_than_asked(text: str, longest: int) -> None:
    line = one_line(text, longest)

    assert "\n" not in line
    assert len(line) <= longest


def test_a_long_line_is_not_wrapped_so_that_it_can_be_copied() -> None:
    readable = readable_screen(width=40)

    readable.screen.say("x" * 200)

    assert readable.text == "x" * 200 + "\n"


def test_json_is_one_line() -> None:
    readable = readable_screen(json=True)

    readable.screen.emit({"a": [1, "b\n"]})

    assert readable.text == '{"a":[1,"b\\n"]}\n'
