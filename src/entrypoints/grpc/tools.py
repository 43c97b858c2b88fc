"""The servicer of somagent.tools.v1."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import final
from uuid import UUID

from application.conversation.decide_invocation import DecideInvocation, DecideInvocationCommand
from application.conversation.name_turn import NameTurn, NameTurnQuery
from application.tools.execute_tool import ExecuteTool
from application.tools.list_tools import ListTools, ListToolsQuery
from application.tools.read_invocations import (
    ListInvocations,
    ListInvocationsQuery,
    ListPendingApprovals,
    ListPendingApprovalsQuery,
    ReadInvocation,
    ReadInvocationQuery,
)
from application.tools.resolve_invocation import ResolveInvocation, ResolveInvocationCommand
from domain.conversation.errors import TurnNotFoundError
from domain.kernel.identifiers import InvocationId
from domain.tools.invocation import Invocation, InvocationState
from entrypoints.grpc.admission import Admission, answering
from entrypoints.grpc.arriving import Call
from entrypoints.grpc.caller import Caller
from entrypoints.grpc.names import invocation_of, turn_name
from entrypoints.grpc.paging import PageTokens, text_bytes
from entrypoints.grpc.request_ids import RequestIds
from entrypoints.grpc.tool_commands import ToolCommands
from entrypoints.grpc.tool_forms import event_form, invocation_form, tool_form
from somagent.tools.v1 import tools_pb2 as pb


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ToolServicer:
    """What can be refused is refused by a status; what became of a call is in the stream."""

    admission: Admission
    request_ids: RequestIds
    pages: PageTokens
    list: ListTools
    execute: ExecuteTool
    read: ReadInvocation
    list_invocations: ListInvocations
    list_pending: ListPendingApprovals
    decide: DecideInvocation
    resolve: ResolveInvocation
    commands: ToolCommands
    name_turn: NameTurn

    async def ListTools(self, request: pb.ListToolsRequest, call: Call) -> pb.ListToolsResponse:
        async with answering(self.admission, call, request) as caller:
            page = self.pages.page(
                caller, request, size=request.page_size, token=request.page_token
            )
            terms = await self.commands.terms(caller, request.capsule)
            found = await self.list(
                ListToolsQuery(limit=page.limit, after=page.after, allow=terms.allow)
            )
            shown, token = self.pages.cut(caller, request, page, found, lambda one: one.name)
            return pb.ListToolsResponse(
                tools=[tool_form(one) for one in shown], next_page_token=token
            )

    async def ExecuteTool(
        self, request: pb.ExecuteToolRequest, call: Call
    ) -> AsyncGenerator[pb.ExecuteToolResponse]:
        async with answering(self.admission, call, request) as caller:
            command = await self.commands(caller, request)
            async with aclosing(self.execute(command)) as events:
                async for event in events:
                    yield pb.ExecuteToolResponse(event=event_form(caller.tenant, event))

    async def GetInvocation(
        self, request: pb.GetInvocationRequest, call: Call
    ) -> pb.GetInvocationResponse:
        async with answering(self.admission, call, request) as caller:
            invocation = await self.read(
                ReadInvocationQuery(
                    tenant_id=caller.tenant_id, invocation_id=invocation_of(request.name)
                )
            )
            (told,) = await self._told(caller, [invocation])
            return pb.GetInvocationResponse(invocation=told)

    async def ListInvocations(
        self, request: pb.ListInvocationsRequest, call: Call
    ) -> pb.ListInvocationsResponse:
        async with answering(self.admission, call, request) as caller:
            page = self.pages.page(
                caller, request, size=request.page_size, token=request.page_token
            )
            found = await self.list_invocations(
                ListInvocationsQuery(
                    tenant_id=caller.tenant_id,
                    limit=page.limit,
                    state=_state(request.state),
                    after=_after(page.after),
                )
            )
            shown, token = self.pages.cut(
                caller, request, page, found, lambda one: str(one.id), _weight
            )
            return pb.ListInvocationsResponse(
                invocations=await self._told(caller, shown), next_page_token=token
            )

    async def ListPendingApprovals(
        self, request: pb.ListPendingApprovalsRequest, call: Call
    ) -> pb.ListPendingApprovalsResponse:
        async with answering(self.admission, call, request) as caller:
            page = self.pages.page(
                caller, request, size=request.page_size, token=request.page_token
            )
            found = await self.list_pending(
                ListPendingApprovalsQuery(
                    tenant_id=caller.tenant_id, limit=page.limit, after=_after(page.after)
                )
            )
            shown, token = self.pages.cut(
                caller, request, page, found, lambda one: str(one.id), _weight
            )
            return pb.ListPendingApprovalsResponse(
                invocations=await self._told(caller, shown), next_page_token=token
            )

    async def ApproveInvocation(
        self, request: pb.ApproveInvocationRequest, call: Call
    ) -> pb.ApproveInvocationResponse:
        async with answering(self.admission, call, request) as caller:
            decided = await self._decided(caller, request, approved=True)
            (told,) = await self._told(caller, [decided])
            return pb.ApproveInvocationResponse(invocation=told)

    async def RejectInvocation(
        self, request: pb.RejectInvocationRequest, call: Call
    ) -> pb.RejectInvocationResponse:
        async with answering(self.admission, call, request) as caller:
            decided = await self._decided(caller, request, approved=False)
            (told,) = await self._told(caller, [decided])
            return pb.RejectInvocationResponse(invocation=told)

    async def ResolveInvocation(
        self, request: pb.ResolveInvocationRequest, call: Call
    ) -> pb.ResolveInvocationResponse:
        async with answering(self.admission, call, request) as caller:
            await self.request_ids.claim(caller, request, request.request_id)
            resolved = await self.resolve(
                ResolveInvocationCommand(
                    principal=caller.principal,
                    tenant_id=caller.tenant_id,
                    tenant=caller.tenant,
                    invocation_id=invocation_of(request.name),
                    succeeded=request.outcome == pb.INVOCATION_OUTCOME_SUCCEEDED,
                    result=request.content,
                    note=request.note,
                )
            )
            (told,) = await self._told(caller, [resolved])
            return pb.ResolveInvocationResponse(invocation=told)

    async def _decided(
        self,
        caller: Caller,
        request: pb.ApproveInvocationRequest | pb.RejectInvocationRequest,
        *,
        approved: bool,
    ) -> Invocation:
        """The call as it was decided; told again, as it was when it was first told.

        What became of it since is left out; in the state that was told first it is told whole.
        """
        noted = await self.request_ids.claim(caller, request, request.request_id)
        decided = await self.decide(
            DecideInvocationCommand(
                principal=caller.principal,
                tenant_id=caller.tenant_id,
                tenant=caller.tenant,
                invocation_id=invocation_of(request.name),
                approved=approved,
            )
        )
        if noted and noted != decided.state.name:
            state = InvocationState[noted]
            return replace(decided, state=state, result="", reason="", finished_at=None)
        await self.request_ids.note(caller, request, request.request_id, decided.state.name)
        return decided

    async def _told(
        self, caller: Caller, invocations: Sequence[Invocation]
    ) -> Sequence[pb.Invocation]:
        return [
            invocation_form(caller.tenant, one, await self._turn(caller, one))
            for one in invocations
        ]

    async def _turn(self, caller: Caller, invocation: Invocation) -> str:
        """The turn's name; empty where there is none, or retention has dropped it."""
        turn_id = invocation.turn_id
        if turn_id is None:
            return ""
        if invocation.session_id is not None:
            return turn_name(caller.tenant, invocation.session_id, turn_id)
        try:
            session_id = await self.name_turn(
                NameTurnQuery(tenant_id=caller.tenant_id, turn_id=turn_id)
            )
        except TurnNotFoundError:
            return ""
        return turn_name(caller.tenant, session_id, turn_id)


def _state(state: "pb.InvocationState.ValueType") -> InvocationState | None:
    """The state that is asked for; None for all."""
    if state == pb.INVOCATION_STATE_UNSPECIFIED:
        return None
    return InvocationState[pb.InvocationState.Name(state).removeprefix("INVOCATION_STATE_")]


def _after(cursor: str) -> InvocationId | None:
    return InvocationId(UUID(cursor)) if cursor else None


def _weight(invocation: Invocation) -> int:
    return text_bytes(invocation.arguments, invocation.result)
