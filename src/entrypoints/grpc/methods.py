"""The methods of the API as their descriptors say them: permission, and where names stand."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from buf.validate import validate_pb2
from somagent.authorization.v1 import permission_pb2
from somagent.budget.v1 import budget_pb2
from somagent.capability.v1 import capability_pb2
from somagent.capsule.v1 import capsule_pb2
from somagent.conversation.v1 import conversation_pb2
from somagent.memory.v1 import memory_pb2
from somagent.operations.v1 import operations_pb2
from somagent.provenance.v1 import provenance_pb2
from somagent.tenancy.v1 import tenancy_pb2
from somagent.tools.v1 import tools_pb2

FILES: Final = tuple(
    module.DESCRIPTOR
    for module in (
        budget_pb2,
        capability_pb2,
        capsule_pb2,
        conversation_pb2,
        memory_pb2,
        operations_pb2,
        provenance_pb2,
        tenancy_pb2,
        tools_pb2,
    )
)

_NAME_PATTERN: Final = re.compile(r"\^tenants/")
_SERVICE_WIDE: Final = ("tenancy:", "operations:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method, known by the type of its request: no two methods share one.

    `name` is `somagent.memory.v1.MemoryService/Recall`. `permission` is empty where the contract
    forgot it: nobody may call such a method. `paths` lead to the fields that hold resource names,
    the thing that the call is about first. `service_wide` is true for what is about no tenant.
    """

    name: str
    permission: str
    paths: tuple[tuple[str, ...], ...]
    service_wide: bool

    def names_in(self, request: Message) -> list[str]:
        """The resource names that a request holds, the one it is about first."""
        names: list[str] = []
        for path in self.paths:
            part = request
            for step in path[:-1]:
                part = getattr(part, step)
            if name := getattr(part, path[-1]):
                names.append(name)
        return names


def methods() -> Mapping[str, Method]:
    """Every method of the API by the full name of its request's type."""
    return {
        method.input_type.full_name: _read(method)
        for file in FILES
        for service in file.services_by_name.values()
        for method in service.methods
    }


def _read(method: MethodDescriptor) -> Method:
    permission = method.GetOptions().Extensions[permission_pb2.permission]
    paths = tuple(sorted(_paths(method.input_type.fields), key=len))
    return Method(
        name=f"{method.containing_service.full_name}/{method.name}",
        permission=permission,
        paths=paths,
        service_wide=not paths and permission.startswith(_SERVICE_WIDE),
    )


def _paths(fields: Iterable[FieldDescriptor]) -> Iterator[tuple[str, ...]]:
    # What stands in a list is not followed: the receipts that VerifyReceipt checks may be anyone's.
    for field in fields:
        if field.is_repeated:
            continue
        if _holds_a_name(field):
            yield (field.name,)
        elif isinstance(field.message_type, Descriptor):
            yield from ((field.name, *path) for path in _paths(field.message_type.fields))


def _holds_a_name(field: FieldDescriptor) -> bool:
    rules = field.GetOptions().Extensions[validate_pb2.field]
    return _NAME_PATTERN.match(rules.string.pattern) is not None
