"""What answers each service of the API."""

from collections.abc import Mapping

from entrypoints.container import Application
from entrypoints.grpc.admission import Admission, Room
from entrypoints.grpc.conversation import ConversationServicer
from entrypoints.grpc.paging import PageTokens
from entrypoints.grpc.requests import RequestReader
from entrypoints.settings.serving import ServerSettings


def admission_of(settings: ServerSettings, application: Application) -> Admission:
    return Admission(
        authenticate=application.access().authenticate,
        authorize=application.access().authorize,
        tenants=application.stores().credentials,
        clock=application.system().clock,
        observer=application.telemetry().calls,
        requests=RequestReader.of_the_contract(),
        room=Room(
            calls=settings.in_flight_calls, calls_of_a_tenant=settings.in_flight_calls_per_tenant
        ),
    )


def servicers_of(application: Application, admission: Admission) -> Mapping[str, object]:
    """Each service's servicer by the service's full name."""
    pages = PageTokens(application.keys().paging)
    conversations, turns = application.conversations(), application.turns()
    return {
        "somagent.conversation.v1.ConversationService": ConversationServicer(
            admission=admission,
            pages=pages,
            open_session=conversations.open_session,
            read_session=conversations.read_session,
            list_sessions=conversations.list_sessions,
            delete_session=conversations.delete_session,
            process_message=turns.process,
            watch_turn=turns.watch,
            read_turn=conversations.read_turn,
            list_turns=conversations.list_turns,
            cancel_turn=turns.cancel,
            submit_feedback=conversations.submit_feedback,
            read_decision_trace=conversations.read_decision_trace,
            name_capsule_version=conversations.name_capsule_version,
        ),
    }
