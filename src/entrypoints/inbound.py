"""What takes messages of other systems, put together."""

from datetime import timedelta

from entrypoints.container import Application
from entrypoints.grpc.admission import Admission
from entrypoints.grpc.inbound import TakeInbound
from entrypoints.grpc.tool_commands import ToolCommands


def tool_commands_of(application: Application) -> ToolCommands:
    return ToolCommands(
        load_capsule=application.capsules().load,
        read_session=application.conversations().read_session,
    )


def take_inbound_of(application: Application, admission: Admission) -> TakeInbound:
    return TakeInbound(
        admission=admission,
        process_message=application.turns().process,
        execute_tool=application.tool_calls().execute,
        tool_commands=tool_commands_of(application),
        times=application.stores().clock,
        most_bytes=application.settings().kafka.consumers.max_message_bytes,
        requests_kept=timedelta(hours=application.settings().retention.request_hours),
    )
