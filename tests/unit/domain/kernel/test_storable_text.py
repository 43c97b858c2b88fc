"""Whatever comes from outside, what is kept of it can be kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel.storable_text import cut_text, storable

ANY_TEXT = st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=60)


@given(ANY_TEXT)
def test_what_is_kept_has_neither_nul_nor_half_a_surrogate(text: str) -> None:
    kept = storable(text)

    assert "\x00" not in kept
    assert kept.encode().decode() == kept


@given(ANY_TEXT)
def test_keeping_twice_changes_nothing(text: str) -> None:
    assert storable(storable(text)) == storable(text)


@given(ANY_TEXT.filter(lambda text: storable(text) == text), st.integers(0, 200))
def test_a_cut_text_is_a_beginning_of_at_most_so_many_bytes(text: str, most: int) -> None:
    cut = cut_text(text, most)

    assert len(cut.encode()) <= most
    assert text.startswith(cut)
    assert cut == text or len(cut.encode()) > most - 4


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain", "plain"),
        ("Grüße", "Grüße"),
        ("a\x00b", "a\ufffdb"),
        ("\ud83d", "\ufffd"),
        ("\ud83d\ude00", "\U0001f600"),
        ("é\udc80\x00", "é\ufffd\ufffd"),
    ],
)
def test_what_cannot_be_kept_is_replaced(text: str, kept: str) -> None:
    assert storable(text) == kept
