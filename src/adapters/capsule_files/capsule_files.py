"""Capsule files: YAML for people, JSON for programs."""

import asyncio
import json
from typing import Final, cast, final

import yaml

from adapters.capsule_files.yaml_reading import StrictYamlError, read_yaml
from application.kernel.ports import Json
from domain.capsule.errors import CapsuleMalformedError
from domain.kernel.errors import Violation

LARGEST: Final = 256 * 1024
"""Bytes of a capsule file."""

_QUICK: Final = 16 * 1024
"""Bytes that are read in about the time that a thread takes to begin."""


@final
class YamlCapsuleFiles:
    """Takes a file of either form, at most 256 KiB, and refuses whatever is ambiguous in it."""

    async def read(self, text: str) -> Json:
        if len(text) <= _QUICK:
            return read_capsule(text)
        return await asyncio.to_thread(read_capsule, text)

    def write(self, manifest: Json) -> str:
        return yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100)


def read_capsule(text: str) -> Json:
    """What a capsule file holds.

    Raises:
        CapsuleMalformedError: It is too large, neither YAML nor JSON, or says one thing twice.
    """
    try:
        _check_size(text)
        return _from_json(text) if text.lstrip().startswith("{") else read_yaml(text)
    except (_RefusedError, StrictYamlError) as error:
        raise CapsuleMalformedError((Violation("", str(error)),)) from None
    except UnicodeEncodeError:
        raise CapsuleMalformedError((Violation("", "it has a lone surrogate"),)) from None
    except RecursionError:
        raise CapsuleMalformedError((Violation("", "it is too deep"),)) from None


class _RefusedError(ValueError):
    """Why a file is not taken."""


def _check_size(text: str) -> None:
    if len(text.encode()) > LARGEST:
        raise _RefusedError(f"it is larger than {LARGEST} bytes")


def _from_json(text: str) -> Json:
    try:
        return cast("Json", json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant))
    except json.JSONDecodeError:
        # Braces also begin a mapping in YAML's flow style.
        return read_yaml(text)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _RefusedError(f"the key {twice[:64]!r} stands there twice")
    return fields


def _no_constant(name: str) -> object:
    raise _RefusedError(f"{name} is not a number")
