"""How the methods of a service reach its servicer."""

from collections.abc import Mapping
from typing import Final

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from entrypoints.grpc.methods import FILES, Method
from entrypoints.grpc.requests import reading

SERVICES: Final[Mapping[str, ServiceDescriptor]] = {
    service.full_name: service for file in FILES for service in file.services_by_name.values()
}


def handler_of(
    service: ServiceDescriptor, servicer: object, methods: Mapping[str, Method]
) -> grpc.GenericRpcHandler:
    """The handler of a service; `methods` are those of our own contract.

    The generated registration is not used: it answers bytes that are no message with UNKNOWN and
    the traceback's last line.

    Raises:
        TypeError: The servicer lacks a method of the service.
    """
    return grpc.method_handlers_generic_handler(
        service.full_name,
        {method.name: _handler(method, servicer, methods) for method in service.methods},
    )


def _handler(
    method: MethodDescriptor, servicer: object, methods: Mapping[str, Method]
) -> "grpc.RpcMethodHandler[Message, Message]":
    answer = getattr(servicer, method.name, None)
    if not callable(answer):
        raise TypeError(f"{type(servicer).__name__} does not answer {method.full_name}")
    kind = GetMessageClass(method.input_type)
    known = methods.get(method.input_type.full_name)
    make = (
        grpc.unary_stream_rpc_method_handler
        if method.server_streaming
        else grpc.unary_unary_rpc_method_handler
    )
    return make(
        answer,
        request_deserializer=reading(kind, known) if known else kind.FromString,
        response_serializer=_bytes_of,
    )


def _bytes_of(answer: Message) -> bytes:
    return answer.SerializeToString()
