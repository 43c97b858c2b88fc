"""How a request is read: its method, its shape, and the names in it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

from google.protobuf.message import DecodeError, Message
from protovalidate import Validator
from protovalidate import Violation as BrokenRule

from domain.kernel.digest import digest_of
from domain.kernel.errors import InvalidValueError, Violation
from entrypoints.grpc.caller import Caller
from entrypoints.grpc.methods import Method, methods
from entrypoints.grpc.refusals import MessageTooLargeError, RequestInvalidError

_MOST_VIOLATIONS: Final = 16
_TOO_LONG: Final = frozenset({"string.max_len", "string.max_bytes"})
_SLUG: Final = "[a-z][a-z0-9-]{1,62}"
_ID: Final = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NUMBER: Final = r"(0|[1-9][0-9]{0,8})"
_VERSION: Final = (
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-[0-9A-Za-z.-]{{1,64}})?(\+[0-9A-Za-z.-]{{1,64}})?"
)
_ONE: Final = {
    "tenants": "tenant",
    "capsules": "capsule",
    "versions": "version",
    "deadLetters": "dead letter",
    "invocations": "invocation",
    "keys": "key",
    "memories": "memory",
    "records": "record",
    "reservations": "reservation",
    "sessions": "session",
    "turns": "turn",
}
"""What one of a collection is called where a form of names is told."""

_PLACES: Final = tuple(
    (collection, expression)
    for collection in _ONE
    for expression in (_VERSION, _ID, f"({_SLUG}|-)", _SLUG)
)
_KEY: Final = f"(tenants/{_SLUG}(/[a-zA-Z]+/{_ID})?)?"
"""Of events: what they are about."""

_FORM: Final = re.compile(r"tenants/\{tenant\}(/[a-zA-Z]+/\{[a-z ]+\})*")
_MESSAGES: Final = "somagent.conversation.v1.ConversationService/ProcessMessage"


@final
class Unreadable(Message):
    """Stands for a request whose bytes are no message of its method."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method


@dataclass(frozen=True, slots=True)
class RequestReader:
    """Rules are compiled once a process, when a message of their type first comes."""

    by_type: Mapping[str, Method]
    validator: Validator

    @classmethod
    def of_the_contract(cls) -> "RequestReader":
        return cls(methods(), Validator())

    def method_of(self, request: Message) -> Method:
        if isinstance(request, Unreadable):
            return request.method
        return self.by_type[request.DESCRIPTOR.full_name]

    def names_in(self, request: Message, method: Method) -> list[str]:
        """The resource names of a request that has the shape its contract asks for.

        Raises:
            RequestInvalidError: It has not; every field that is wrong is named.
            MessageTooLargeError: The message of a turn is too long.
        """
        if isinstance(request, Unreadable):
            raise RequestInvalidError(Violation("", "the bytes are not a message of this method"))
        if broken := self.validator.collect_violations(request):
            raise _refusal(method, broken[:_MOST_VIOLATIONS])
        return method.names_in(request)


def reading(kind: type[Message], method: Method) -> Callable[[bytes], Message]:
    """How bytes become a request; what cannot become one is refused later, in words."""

    def read(data: bytes) -> Message:
        try:
            return kind.FromString(data)
        except DecodeError:
            return Unreadable(method)

    return read


def _refusal(method: Method, broken: Sequence[BrokenRule]) -> InvalidValueError:
    violations = [_violation(one) for one in broken]
    too_long = any(one.proto.rule_id in _TOO_LONG for one in broken)
    if too_long and method.name == _MESSAGES:
        return MessageTooLargeError(*violations)
    return RequestInvalidError(*violations)


def _violation(broken: BrokenRule) -> Violation:
    rule = broken.proto
    steps = rule.field.elements if rule.field else ()
    told = rule.message
    if rule.rule_id == "string.pattern" and (form := _name_form(str(broken.rule_value))):
        told = f"is not a name of the form {form}"
    return Violation(".".join(step.field_name for step in steps), told)


def _name_form(pattern: str) -> str:
    """How names that a pattern asks for look, `tenants/{tenant}/sessions/{session}`.

    Empty where the pattern is of something else than one kind of name.
    """
    form = pattern.removeprefix("^").removesuffix("$")
    if form == _KEY:
        return "tenants/{tenant}/sessions/{session}, or of another collection"
    for collection, expression in _PLACES:
        form = form.replace(f"{collection}/{expression}", f"{collection}/{{{_ONE[collection]}}}")
    return form if _FORM.fullmatch(form) else ""


def content_digest(caller: Caller, request: Message) -> bytes:
    """The SHA-256 of who asks for what: a request id stands for this one content."""
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("request_id")
    content = bare.SerializeToString(deterministic=True)
    return digest_of(caller.method.encode(), caller.principal.subject.encode(), content)
