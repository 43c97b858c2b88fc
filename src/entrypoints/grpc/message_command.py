"""What a request to answer a message asks for, however it came."""

from application.conversation.process_message import ProcessMessageCommand
from domain.conversation.turn import TurnOrder
from entrypoints.grpc.caller import Caller
from entrypoints.grpc.conversation_resources import tool_choice_of
from entrypoints.grpc.names import session_of
from somagent.conversation.v1 import conversation_pb2 as pb


def message_command(caller: Caller, request: pb.ProcessMessageRequest) -> ProcessMessageCommand:
    return ProcessMessageCommand(
        order=TurnOrder(
            principal=caller.principal,
            text=request.text,
            tool_choice=tool_choice_of(request),
            max_tokens=request.max_tokens if request.HasField("max_tokens") else None,
        ),
        session_id=session_of(request.session),
        request_id=request.request_id.lower(),
        seconds=caller.seconds,
        began=caller.received_at,
    )
