"""The servicer of somagent.conversation.v1."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import final
from uuid import UUID

from application.conversation.cancel_turn import CancelTurn, CancelTurnCommand
from application.conversation.delete_session import DeleteSession, DeleteSessionCommand
from application.conversation.name_capsule_version import (
    CapsuleVersionName,
    NameCapsuleVersion,
    NameCapsuleVersionQuery,
)
from application.conversation.open_session import OpenSession, OpenSessionCommand
from application.conversation.process_message import ProcessMessage
from application.conversation.read_conversation import (
    ListSessions,
    ListSessionsQuery,
    ListTurns,
    ListTurnsQuery,
    ReadDecisionTrace,
    ReadSession,
    ReadSessionQuery,
    ReadTurn,
    ReadTurnQuery,
)
from application.conversation.submit_feedback import SubmitFeedback, SubmitFeedbackCommand
from application.conversation.watch_turn import WatchTurn, WatchTurnQuery
from domain.conversation.turn import Turn
from domain.conversation.turn_event import Accepted
from domain.kernel.identifiers import CapsuleVersionId, RequestId, SessionId, TurnId
from entrypoints.grpc.admission import Admission, answering
from entrypoints.grpc.arriving import Call
from entrypoints.grpc.caller import Caller
from entrypoints.grpc.conversation_events import R, TurnEventForm, TurnNames
from entrypoints.grpc.conversation_resources import (
    RATINGS,
    busy_of,
    rating_of,
    session_of_domain,
    timestamp,
    turn_of_domain,
)
from entrypoints.grpc.conversation_trace import trace_of_domain
from entrypoints.grpc.message_command import message_command
from entrypoints.grpc.names import capsule_name, capsule_of, session_of, turn_name, turn_of
from entrypoints.grpc.paging import PageTokens, text_bytes
from entrypoints.grpc.request_ids import RequestIds
from somagent.conversation.v1 import conversation_pb2 as pb


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationServicer:
    """What can be refused is refused by a status; what comes after is in the stream."""

    admission: Admission
    request_ids: RequestIds
    pages: PageTokens
    open_session: OpenSession
    read_session: ReadSession
    list_sessions: ListSessions
    delete_session: DeleteSession
    process_message: ProcessMessage
    watch_turn: WatchTurn
    read_turn: ReadTurn
    list_turns: ListTurns
    cancel_turn: CancelTurn
    submit_feedback: SubmitFeedback
    read_decision_trace: ReadDecisionTrace
    name_capsule_version: NameCapsuleVersion

    async def CreateSession(
        self, request: pb.CreateSessionRequest, call: Call
    ) -> pb.CreateSessionResponse:
        async with answering(self.admission, call, request) as caller:
            asked = request.session
            capsule, _ = capsule_of(asked.capsule)
            session = await self.open_session(
                OpenSessionCommand(
                    principal=caller.principal,
                    tenant_id=caller.tenant_id,
                    capsule=capsule,
                    request_id=RequestId(request.request_id.lower()),
                    busy=busy_of(asked.busy_policy),
                    max_waiting=asked.max_waiting if asked.HasField("max_waiting") else None,
                )
            )
            return pb.CreateSessionResponse(session=session_of_domain(caller.tenant, session))

    async def GetSession(self, request: pb.GetSessionRequest, call: Call) -> pb.GetSessionResponse:
        async with answering(self.admission, call, request) as caller:
            session = await self.read_session(
                ReadSessionQuery(tenant_id=caller.tenant_id, session_id=session_of(request.name))
            )
            return pb.GetSessionResponse(session=session_of_domain(caller.tenant, session))

    async def ListSessions(
        self, request: pb.ListSessionsRequest, call: Call
    ) -> pb.ListSessionsResponse:
        async with answering(self.admission, call, request) as caller:
            page = self.pages.page(
                caller, request, size=request.page_size, token=request.page_token
            )
            found = await self.list_sessions(
                ListSessionsQuery(
                    tenant_id=caller.tenant_id,
                    limit=page.limit,
                    after=SessionId(UUID(page.after)) if page.after else None,
                    deleted=request.show_deleted,
                )
            )
            shown, token = self.pages.cut(caller, request, page, found, lambda one: str(one.id))
            return pb.ListSessionsResponse(
                sessions=[session_of_domain(caller.tenant, one) for one in shown],
                next_page_token=token,
            )

    async def DeleteSession(
        self, request: pb.DeleteSessionRequest, call: Call
    ) -> pb.DeleteSessionResponse:
        async with answering(self.admission, call, request) as caller:
            session = await self.delete_session(
                DeleteSessionCommand(
                    principal=caller.principal,
                    tenant_id=caller.tenant_id,
                    session_id=session_of(request.name),
                    request_id=RequestId(request.request_id.lower()),
                    etag=request.etag,
                )
            )
            return pb.DeleteSessionResponse(session=session_of_domain(caller.tenant, session))

    async def ProcessMessage(
        self, request: pb.ProcessMessageRequest, call: Call
    ) -> AsyncGenerator[pb.ProcessMessageResponse]:
        async with answering(self.admission, call, request) as caller:
            command = message_command(caller, request)
            session_id = command.session_id
            turn_id = await self.process_message(command)
            form = TurnEventForm(
                pb.ProcessMessageResponse, TurnNames(caller.tenant, session_id, turn_id)
            )
            query = WatchTurnQuery(tenant_id=caller.tenant_id, turn_id=turn_id)
            async with aclosing(self.watch_turn(query)) as events:
                async for event in events:
                    if isinstance(event.body, Accepted):
                        await self._name_version(caller, event.body, form)
                    yield form.response(event)

    async def WatchTurn(
        self, request: pb.WatchTurnRequest, call: Call
    ) -> AsyncGenerator[pb.WatchTurnResponse]:
        async with answering(self.admission, call, request) as caller:
            turn = await self._turn(caller, request.name)
            form = TurnEventForm(
                pb.WatchTurnResponse, TurnNames(caller.tenant, turn.session_id, turn.id)
            )
            query = WatchTurnQuery(
                tenant_id=caller.tenant_id,
                turn_id=turn.id,
                after_sequence=request.after_sequence,
            )
            async with aclosing(self.watch_turn(query)) as events:
                async for event in events:
                    if isinstance(event.body, Accepted):
                        await self._name_version(caller, event.body, form)
                    yield form.response(event)

    async def GetTurn(self, request: pb.GetTurnRequest, call: Call) -> pb.GetTurnResponse:
        async with answering(self.admission, call, request) as caller:
            turn = await self._turn(caller, request.name)
            return pb.GetTurnResponse(turn=await self._told(caller, turn))

    async def ListTurns(self, request: pb.ListTurnsRequest, call: Call) -> pb.ListTurnsResponse:
        async with answering(self.admission, call, request) as caller:
            page = self.pages.page(
                caller, request, size=request.page_size, token=request.page_token
            )
            found = await self.list_turns(
                ListTurnsQuery(
                    tenant_id=caller.tenant_id,
                    session_id=session_of(request.parent),
                    limit=page.limit,
                    after=TurnId(UUID(page.after)) if page.after else None,
                )
            )
            shown, token = self.pages.cut(
                caller, request, page, found, lambda one: str(one.id), _weight
            )
            return pb.ListTurnsResponse(
                turns=[await self._told(caller, one) for one in shown], next_page_token=token
            )

    async def CancelTurn(self, request: pb.CancelTurnRequest, call: Call) -> pb.CancelTurnResponse:
        async with answering(self.admission, call, request) as caller:
            await self.request_ids.claim(caller, request, request.request_id)
            session_id, turn_id = turn_of(request.name)
            cancelled = await self.cancel_turn(
                CancelTurnCommand(
                    tenant_id=caller.tenant_id,
                    session_id=session_id,
                    turn_id=turn_id,
                    by=caller.principal.subject,
                )
            )
            return pb.CancelTurnResponse(turn=await self._told(caller, cancelled))

    async def SubmitFeedback(
        self, request: pb.SubmitFeedbackRequest, call: Call
    ) -> pb.SubmitFeedbackResponse:
        async with answering(self.admission, call, request) as caller:
            session_id, turn_id = turn_of(request.turn)
            said = await self.submit_feedback(
                SubmitFeedbackCommand(
                    principal=caller.principal,
                    tenant_id=caller.tenant_id,
                    session_id=session_id,
                    turn_id=turn_id,
                    rating=rating_of(request.rating),
                    comment=request.comment,
                    request_id=RequestId(request.request_id.lower()),
                )
            )
            return pb.SubmitFeedbackResponse(
                turn=turn_name(caller.tenant, session_id, turn_id),
                rating=RATINGS[said.rating],
                create_time=timestamp(said.created_at),
            )

    async def GetDecisionTrace(
        self, request: pb.GetDecisionTraceRequest, call: Call
    ) -> pb.GetDecisionTraceResponse:
        async with answering(self.admission, call, request) as caller:
            explained = await self.read_decision_trace(_turn_query(caller, request.name))
            return pb.GetDecisionTraceResponse(
                decision_trace=trace_of_domain(caller.tenant, explained)
            )

    async def _name_version(
        self, caller: Caller, accepted: Accepted, form: TurnEventForm[R]
    ) -> None:
        version = await self._version(caller, accepted.capsule_version_id)
        form.capsule_version = capsule_name(caller.tenant, version.capsule, version.version)

    async def _turn(self, caller: Caller, name: str) -> Turn:
        return await self.read_turn(_turn_query(caller, name))

    async def _told(self, caller: Caller, turn: Turn) -> pb.Turn:
        version = await self._version(caller, turn.capsule_version_id)
        return turn_of_domain(caller.tenant, turn, version)

    async def _version(self, caller: Caller, version_id: CapsuleVersionId) -> CapsuleVersionName:
        return await self.name_capsule_version(
            NameCapsuleVersionQuery(tenant_id=caller.tenant_id, capsule_version_id=version_id)
        )


def _turn_query(caller: Caller, name: str) -> ReadTurnQuery:
    session_id, turn_id = turn_of(name)
    return ReadTurnQuery(tenant_id=caller.tenant_id, session_id=session_id, turn_id=turn_id)


def _weight(turn: Turn) -> int:
    return text_bytes(turn.order.text, turn.answer)
