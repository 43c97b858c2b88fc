"""Every mutation by its request id: once more gives the first answer, for other content nothing."""

from collections.abc import Callable
from typing import Final

import pytest
from google.protobuf.message import Message

from tests.e2e.belongings import Belongings, belongings, name_of, requests_about
from tests.e2e.stage import Stage
from tests.system.client import Client, RefusedError
from tests.upstream.scripted import ScriptedUpstream

OPERATORS: Final = frozenset({"TenancyService/CreateTenant", "OperationsService/StopTenant"})

OTHER_CONTENT: Final[dict[str, Callable[[Belongings, Message], None]]] = {}


def changes(request: Message, own: Belongings) -> None:
    """Make other content of a request, which keeps its request id."""
    for field, value in (
        ("text", "Something else."),
        ("arguments", '{"expression": "3 + 3"}'),
        ("reason", "another reason"),
        ("capability_id", "a-third"),
        ("action", "export.other"),
        ("comment", "indeed"),
        ("limit", 7),
        ("etag", "another"),
    ):
        if field in request.DESCRIPTOR.fields_by_name:
            setattr(request, field, value)
            return
    raise AssertionError(name_of(request))
