"""Text from outside, made so that every part of the service can keep it."""

from typing import Final

from domain.kernel.errors import InvalidArgumentError

REPLACEMENT: Final = "\ufffd"


def storable(text: str) -> str:
    """The text with U+FFFD for what no table takes: NUL, and halves of a surrogate pair."""
    if "\x00" in text:
        text = text.replace("\x00", REPLACEMENT)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        # Two halves that belong together become the character that they mean.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def cut_text(text: str, most: int) -> str:
    """The storable beginning of a text: at most so many bytes of UTF-8, in whole characters."""
    kept = storable(text)
    encoded = kept.encode()
    return kept if len(encoded) <= most else encoded[: max(0, most)].decode("utf-8", "ignore")


def check_storable(field: str, text: str) -> None:
    """Whether every part of the service can keep a text as it is.

    Raises:
        InvalidArgumentError: It holds a NUL or half of a surrogate pair.
    """
    if storable(text) != text:
        raise InvalidArgumentError(field, "a text holds a NUL or half of a surrogate pair")
