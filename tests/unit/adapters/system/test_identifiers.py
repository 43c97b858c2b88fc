"""Identifiers of this host: of version 7, growing, and never the same twice."""

from itertools import pairwise

from adapters.system.identifiers import SystemIdentifiers

MANY = 5_000
"""More than are made of one draw of randomness, and more than a millisecond counts."""


def test_identifiers_grow() -> None:
    identifiers = SystemIdentifiers()

    made = [identifiers.next() for _ in range(MANY)]

    assert all(earlier < later for earlier, later in pairwise(made))


def test_an_identifier_is_of_version_7() -> None:
    made = SystemIdentifiers().next()

    assert (made.version, made.variant) == (7, "specified in RFC 4122")


def test_the_random_bits_of_identifiers_differ() -> None:
    identifiers = SystemIdentifiers()

    made = {identifiers.next().int & ((1 << 62) - 1) for _ in range(MANY)}

    assert len(made) == MANY


def test_two_sources_do_not_repeat_each_other() -> None:
    one, other = SystemIdentifiers(), SystemIdentifiers()

    assert {one.next() for _ in range(MANY)}.isdisjoint(other.next() for _ in range(MANY))


def test_a_nonce_has_sixteen_bytes() -> None:
    identifiers = SystemIdentifiers()

    assert len(identifiers.nonce()) == 16
    assert identifiers.nonce() != identifiers.nonce()


def test_a_clock_that_is_wrong_makes_identifiers_of_its_time() -> None:
    behind, ahead = SystemIdentifiers(-7200), SystemIdentifiers(7200)

    assert behind.next() < SystemIdentifiers().next() < ahead.next()
