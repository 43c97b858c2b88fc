import pytest

from domain.kernel.errors import InvalidArgumentError
from domain.kernel.identifiers import SessionId
from domain.memory.recollection import MAX_TEXT_BYTES, MemoryScope, check_cue, check_memory
from tests.builders import INVOCATION, OTHER_TENANT, SESSION, TENANT

ASKING = MemoryScope(TENANT, "ada", SESSION)


@pytest.mark.parametrize(
    "scope",
    [
        MemoryScope(TENANT),
        MemoryScope(TENANT, "ada"),
        MemoryScope(TENANT, "ada", SESSION),
        MemoryScope(TENANT, "", SESSION),
    ],
)
def test_everybodys_and_ones_own_are_seen(scope: MemoryScope) -> None:
    assert ASKING.sees(scope)


@pytest.mark.parametrize(
    "scope",
    [
        MemoryScope(OTHER_TENANT),
        MemoryScope(OTHER_TENANT, "ada", SESSION),
        MemoryScope(TENANT, "eve"),
        MemoryScope(TENANT, "ada", SessionId(INVOCATION)),
    ],
)
def test_nothing_else_is_seen(scope: MemoryScope) -> None:
    assert not ASKING.sees(scope)


def test_outside_a_session_no_sessions_memories_are_seen() -> None:
    assert not MemoryScope(TENANT, "ada").sees(MemoryScope(TENANT, "ada", SESSION))


@pytest.mark.parametrize(
    "text", ["", " \n", "\x00", "\ud800", "a" * (MAX_TEXT_BYTES + 1), "é" * MAX_TEXT_BYTES]
)
def test_what_cannot_be_kept_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError):
        check_memory(text=text, strength=0.5, source="")
    with pytest.raises(InvalidArgumentError):
        check_cue(text)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_strength_lies_between_nothing_and_all(strength: float) -> None:
    with pytest.raises(InvalidArgumentError):
        check_memory(text="x", strength=strength, source="")


@pytest.mark.parametrize("source", ["a" * 257, "\x00"])
def test_a_source_is_short(source: str) -> None:
    with pytest.raises(InvalidArgumentError):
        check_memory(text="x", strength=0.5, source=source)


def test_the_longest_text_is_kept() -> None:
    check_memory(text="a" * MAX_TEXT_BYTES, strength=1.0, source="turns/7")
