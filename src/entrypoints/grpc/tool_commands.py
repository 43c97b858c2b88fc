"""What a request to run a tool asks for, however it came."""

from dataclasses import dataclass
from typing import final

from application.capsule.load_capsule import LoadCapsule, LoadCapsuleQuery
from application.conversation.read_conversation import ReadSession, ReadSessionQuery
from application.tools.call_terms import NO_CAPSULE, CallTerms
from application.tools.execute_tool import ExecuteToolCommand
from domain.conversation.errors import SessionNotFoundError
from domain.kernel.identifiers import RequestId, SessionId
from entrypoints.grpc.caller import Caller
from entrypoints.grpc.names import capsule_of, session_of
from somagent.tools.v1 import tools_pb2 as pb


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCommands:
    """Looks up what a request names: the capsule whose rules hold, the session that bears it."""

    load_capsule: LoadCapsule
    read_session: ReadSession

    async def __call__(self, caller: Caller, request: pb.ExecuteToolRequest) -> ExecuteToolCommand:
        """The command.

        Raises:
            SessionNotFoundError: No such session of this tenant, or it was deleted.
            Besides, whatever `LoadCapsule` refuses.
        """
        return ExecuteToolCommand(
            principal=caller.principal,
            tenant_id=caller.tenant_id,
            tool=request.tool,
            arguments=request.arguments or "{}",
            request_id=RequestId(request.request_id.lower()),
            terms=await self.terms(caller, request.capsule),
            session_id=await self._session(caller, request.session),
        )

    async def terms(self, caller: Caller, capsule: str) -> CallTerms:
        """The rules of a capsule's active version, if one is named."""
        if not capsule:
            return NO_CAPSULE
        slug, _ = capsule_of(capsule)
        loaded = await self.load_capsule(LoadCapsuleQuery(tenant_id=caller.tenant_id, capsule=slug))
        return CallTerms.of(loaded)

    async def _session(self, caller: Caller, name: str) -> SessionId | None:
        """The session that bears a call too, if one is named."""
        if not name:
            return None
        session = await self.read_session(
            ReadSessionQuery(tenant_id=caller.tenant_id, session_id=session_of(name))
        )
        if session.deleted_at is not None:
            raise SessionNotFoundError(str(session.id))
        return session.id
