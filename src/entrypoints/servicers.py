"""What answers each service of the API."""

from collections.abc import Mapping

from entrypoints.container import Application
from entrypoints.grpc.admission import Admission, Room
from entrypoints.grpc.budget import BudgetServicer
from entrypoints.grpc.capability import CapabilityServicer
from entrypoints.grpc.capsule import CapsuleServicer
from entrypoints.grpc.conversation import ConversationServicer
from entrypoints.grpc.memory import MemoryServicer
from entrypoints.grpc.open_turns import EndOpenTurns
from entrypoints.grpc.operations import OperationsServicer
from entrypoints.grpc.paging import PageTokens
from entrypoints.grpc.provenance import ProvenanceServicer
from entrypoints.grpc.request_ids import RequestIds
from entrypoints.grpc.requests import RequestReader
from entrypoints.grpc.tenancy import TenancyServicer
from entrypoints.grpc.tools import ToolServicer
from entrypoints.inbound import take_inbound_of, tool_commands_of
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
    return {
        "somagent.conversation.v1.ConversationService": _conversation(
            application, admission, pages
        ),
        "somagent.tools.v1.ToolService": _tools(application, admission, pages),
        "somagent.budget.v1.BudgetService": _budget(application, admission, pages),
        "somagent.capability.v1.CapabilityService": _capability(application, admission, pages),
        "somagent.provenance.v1.ProvenanceService": _provenance(application, admission, pages),
        "somagent.capsule.v1.CapsuleService": _capsule(application, admission, pages),
        "somagent.memory.v1.MemoryService": _memory(application, admission),
        "somagent.tenancy.v1.TenancyService": _tenancy(application, admission),
        "somagent.operations.v1.OperationsService": _operations(application, admission, pages),
    }


def _conversation(
    application: Application, admission: Admission, pages: PageTokens
) -> ConversationServicer:
    conversations, turns = application.conversations(), application.turns()
    return ConversationServicer(
        admission=admission,
        request_ids=RequestIds(application.stores().claims),
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
    )


def _tools(application: Application, admission: Admission, pages: PageTokens) -> ToolServicer:
    tools, conversations = application.tool_calls(), application.conversations()
    return ToolServicer(
        admission=admission,
        request_ids=RequestIds(application.stores().claims),
        pages=pages,
        list=tools.list,
        execute=tools.execute,
        read=tools.read,
        list_invocations=tools.list_invocations,
        list_pending=tools.list_pending,
        decide=conversations.decide,
        resolve=tools.resolve,
        commands=tool_commands_of(application),
        name_turn=conversations.name_turn,
    )


def _budget(application: Application, admission: Admission, pages: PageTokens) -> BudgetServicer:
    budget = application.budget()
    return BudgetServicer(
        admission=admission,
        request_ids=RequestIds(application.stores().claims),
        pages=pages,
        clock=application.system().clock,
        gate=budget.gate,
        settle=budget.settle,
        release=budget.release,
        read_usage=budget.read_usage,
        list_limits=budget.list_limits,
        set_limit=budget.set_limit,
    )


def _capability(
    application: Application, admission: Admission, pages: PageTokens
) -> CapabilityServicer:
    capabilities = application.capabilities()
    return CapabilityServicer(
        admission=admission,
        pages=pages,
        register=capabilities.register,
        list=capabilities.list,
        select=capabilities.select,
        explain=capabilities.explain,
        read_decision_trace=application.conversations().read_decision_trace,
    )


def _provenance(
    application: Application, admission: Admission, pages: PageTokens
) -> ProvenanceServicer:
    provenance, signer = application.provenance(), application.keys().receipts
    return ProvenanceServicer(
        admission=admission,
        pages=pages,
        record=provenance.record,
        get=provenance.get,
        list=provenance.list,
        get_receipt=provenance.get_receipt,
        verify=provenance.verify,
        name_turn=application.conversations().name_turn,
        public_keys={signer.key_id: signer.public_key},
    )


def _capsule(application: Application, admission: Admission, pages: PageTokens) -> CapsuleServicer:
    capsules = application.capsules()
    return CapsuleServicer(
        admission=admission,
        pages=pages,
        create=capsules.create,
        get=capsules.get,
        list=capsules.list,
        activate=capsules.activate,
        revoke=capsules.revoke,
    )


def _memory(application: Application, admission: Admission) -> MemoryServicer:
    memory = application.memory()
    return MemoryServicer(
        admission=admission,
        request_ids=RequestIds(application.stores().claims),
        remember=memory.remember,
        recall=memory.recall,
        forget=memory.forget,
    )


def _tenancy(application: Application, admission: Admission) -> TenancyServicer:
    tenancy = application.tenancy()
    return TenancyServicer(
        admission=admission,
        clock=application.system().clock,
        create=tenancy.create,
        get=tenancy.get,
        create_key=tenancy.create_key,
        revoke_key=tenancy.revoke_key,
    )


def _operations(
    application: Application, admission: Admission, pages: PageTokens
) -> OperationsServicer:
    operations, turns = application.operations(), application.turns()
    letters = application.dead_letters()
    return OperationsServicer(
        admission=admission,
        request_ids=RequestIds(application.stores().claims),
        pages=pages,
        clock=application.system().clock,
        list_dead_letters=letters.list,
        get_dead_letter=letters.get,
        edit_dead_letter=letters.edit,
        discard_dead_letters=letters.discard,
        replay_dead_letters=letters.replay(take_inbound_of(application, admission)),
        replay_events=letters.replay_events,
        describe=operations.describe,
        list_stuck_turns=operations.list_stuck_turns,
        get_reconciliation=operations.get_reconciliation,
        stop=application.tenancy().stop,
        end_open_turns=EndOpenTurns(
            list_sessions=application.conversations().list_sessions, cancel=turns.cancel
        ),
        running_turns=turns.drivers.__len__,
    )
