"""The use cases of sessions, turns' history, approvals and tools called by clients themselves."""

from dataclasses import dataclass

from application.authorization.authorize import Authorize
from application.capsule.load_capsule import LoadCapsule
from application.conversation.decide_invocation import DecideInvocation
from application.conversation.delete_session import DeleteSession
from application.conversation.name_capsule_version import NameCapsuleVersion
from application.conversation.name_turn import NameTurn
from application.conversation.open_session import OpenSession
from application.conversation.read_conversation import (
    ListSessions,
    ListTurns,
    ReadDecisionTrace,
    ReadSession,
    ReadTurn,
)
from application.conversation.submit_feedback import SubmitFeedback
from application.kernel.audit import Audit
from application.kernel.timed_cache import TimedCache
from application.tenancy.read_subscription import ReadSubscription
from application.tools.call_facts import CallFacts
from application.tools.check_standing import CheckStanding
from application.tools.execute_tool import ExecuteTool
from application.tools.list_tools import ListTools
from application.tools.ports import CallObserver
from application.tools.read_invocations import (
    ListInvocations,
    ListPendingApprovals,
    ReadInvocation,
)
from application.tools.recover_call import RecoverCall
from application.tools.recover_lost_calls import RecoverLostCalls
from application.tools.resolve_invocation import ResolveInvocation
from application.tools.run_approved import RunApproved
from application.tools.run_call import RunCall, RunningCalls
from application.tools.tend_approvals import TendApprovals
from entrypoints.assembly.stores import Stores
from entrypoints.assembly.system import System
from entrypoints.assembly.turns import Toolbox, Turns
from entrypoints.assembly.use_cases import CapsuleUseCases

_NAMES_SECONDS = 3600.0
_NAMES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUseCases:
    list: ListTools
    execute: ExecuteTool
    read: ReadInvocation
    list_invocations: ListInvocations
    list_pending: ListPendingApprovals
    running: RunningCalls
    facts: CallFacts
    run_approved: RunApproved
    resolve: ResolveInvocation
    recover_lost: RecoverLostCalls
    tend_approvals: TendApprovals


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolParts:
    """What calls by themselves lean on."""

    stores: Stores
    system: System
    tools: Toolbox
    authorize: Authorize
    subscription: ReadSubscription
    load_capsule: LoadCapsule
    observer: CallObserver
    lease_seconds: float


def tool_use_cases(parts: ToolParts) -> ToolUseCases:
    stores, system, tools = parts.stores, parts.system, parts.tools
    running = RunningCalls()
    facts = CallFacts(clock=system.clock, identifiers=system.identifiers)
    run = RunCall(
        runner=tools.runner,
        recover=RecoverCall(runner=tools.runner),
        health=tools.health,
        effects=stores.effects,
        facts=facts,
        observer=parts.observer,
        clock=system.clock,
        lease_seconds=parts.lease_seconds,
    )
    run_approved = RunApproved(
        runner=tools.runner,
        standing=CheckStanding(
            load_capsule=parts.load_capsule,
            subscription=parts.subscription,
            credentials=stores.credentials,
        ),
        health=tools.health,
        budgets=stores.budgets,
        effects=stores.effects,
        run=run,
        running=running,
        facts=facts,
        clock=system.clock,
        identifiers=system.identifiers,
    )
    return ToolUseCases(
        list=ListTools(runner=tools.runner),
        execute=ExecuteTool(
            runner=tools.runner,
            checker=tools.checker,
            authorize=parts.authorize,
            health=tools.health,
            budgets=stores.budgets,
            effects=stores.effects,
            invocations=stores.invocations,
            run=run,
            running=running,
            facts=facts,
            canonical=system.json,
            clock=system.clock,
            times=stores.clock,
            identifiers=system.identifiers,
            subscription=parts.subscription,
        ),
        read=ReadInvocation(invocations=stores.invocations),
        list_invocations=ListInvocations(invocations=stores.invocations),
        list_pending=ListPendingApprovals(invocations=stores.invocations),
        running=running,
        facts=facts,
        run_approved=run_approved,
        resolve=ResolveInvocation(
            invocations=stores.invocations,
            effects=stores.effects,
            facts=facts,
            audit=Audit(clock=system.clock, identifiers=system.identifiers),
            clock=system.clock,
        ),
        recover_lost=RecoverLostCalls(
            effects=stores.effects, run=run, running=running, clock=system.clock
        ),
        tend_approvals=TendApprovals(
            effects=stores.effects,
            run_approved=run_approved,
            running=running,
            facts=facts,
            observer=parts.observer,
            times=stores.clock,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationUseCases:
    open_session: OpenSession
    read_session: ReadSession
    list_sessions: ListSessions
    delete_session: DeleteSession
    read_turn: ReadTurn
    list_turns: ListTurns
    read_decision_trace: ReadDecisionTrace
    submit_feedback: SubmitFeedback
    decide: DecideInvocation
    name_capsule_version: NameCapsuleVersion
    name_turn: NameTurn


def conversation_use_cases(
    stores: Stores, system: System, capsules: CapsuleUseCases, turns: Turns, tools: ToolUseCases
) -> ConversationUseCases:
    read_turn = ReadTurn(reader=stores.reader)
    return ConversationUseCases(
        open_session=OpenSession(
            load_capsule=capsules.load,
            sessions=stores.sessions,
            canonical=system.json,
            clock=system.clock,
            identifiers=system.identifiers,
        ),
        read_session=ReadSession(sessions=stores.sessions),
        list_sessions=ListSessions(sessions=stores.sessions),
        delete_session=DeleteSession(sessions=stores.sessions, clock=stores.clock),
        read_turn=read_turn,
        list_turns=ListTurns(sessions=stores.sessions, reader=stores.reader),
        read_decision_trace=ReadDecisionTrace(
            read_turn=read_turn, reader=stores.reader, json=system.json
        ),
        submit_feedback=SubmitFeedback(
            reader=stores.reader,
            feedback=stores.feedback,
            canonical=system.json,
            clock=system.clock,
        ),
        decide=DecideInvocation(
            invocations=stores.invocations,
            reader=stores.reader,
            effects=stores.effects,
            go_on=turns.go_on,
            run_approved=tools.run_approved,
            facts=tools.facts,
            clock=system.clock,
            identifiers=system.identifiers,
        ),
        name_capsule_version=NameCapsuleVersion(
            capsules=stores.capsules,
            known=TimedCache(system.clock, seconds=_NAMES_SECONDS, capacity=_NAMES),
        ),
        name_turn=NameTurn(
            reader=stores.reader,
            known=TimedCache(system.clock, seconds=_NAMES_SECONDS, capacity=_NAMES),
        ),
    )
