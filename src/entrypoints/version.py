"""The version of this release."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _version() -> str:
    try:
        return version("somagent")
    except PackageNotFoundError:
        return "0"


VERSION: Final = _version()
