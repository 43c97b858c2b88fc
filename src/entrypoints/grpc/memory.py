"""The servicer of somagent.memory.v1."""

from dataclasses import dataclass
from typing import Final, final

from application.memory.forget import Forget, ForgetCommand
from application.memory.recall import Recall, RecallQuery
from application.memory.remember import Remember, RememberCommand
from domain.memory.recollection import MemoryKind, MemoryScope, Recollection
from entrypoints.grpc.admission import Admission, answering
from entrypoints.grpc.arriving import Call
from entrypoints.grpc.caller import Caller
from entrypoints.grpc.conversation_resources import timestamp
from entrypoints.grpc.names import memory_name, memory_of, session_name, session_of
from entrypoints.grpc.request_ids import RequestIds
from somagent.memory.v1 import memory_pb2 as pb

DEFAULT_LIMIT: Final = 10
DEFAULT_STRENGTH: Final = 0.5


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryServicer:
    """Whose memory it is follows from who calls: nobody names another subject."""

    admission: Admission
    request_ids: RequestIds
    remember: Remember
    recall: Recall
    forget: Forget

    async def Remember(self, request: pb.RememberRequest, call: Call) -> pb.RememberResponse:
        async with answering(self.admission, call, request) as caller:
            kept = await self.remember(
                RememberCommand(
                    scope=_scope(caller, request.session, shared=request.shared),
                    request_id=request.request_id.lower(),
                    text=request.text,
                    kind=_kind(request.kind),
                    strength=request.strength if request.HasField("strength") else DEFAULT_STRENGTH,
                    source=request.source,
                )
            )
            return pb.RememberResponse(recollection=_recollection(caller, kept))

    async def Recall(self, request: pb.RecallRequest, call: Call) -> pb.RecallResponse:
        async with answering(self.admission, call, request) as caller:
            found = await self.recall(
                RecallQuery(
                    scope=_scope(caller, request.session),
                    cue=request.cue,
                    limit=request.limit or DEFAULT_LIMIT,
                )
            )
            return pb.RecallResponse(
                recollections=[
                    _recollection(caller, one, score=one.score) for one in found.recollections
                ],
                degraded=found.degraded,
            )

    async def Forget(self, request: pb.ForgetRequest, call: Call) -> pb.ForgetResponse:
        async with answering(self.admission, call, request) as caller:
            await self.request_ids.claim(caller, request, request.request_id)
            await self.forget(ForgetCommand(caller.tenant_id, memory_of(request.name)))
            return pb.ForgetResponse()


def _scope(caller: Caller, session: str, *, shared: bool = False) -> MemoryScope:
    return MemoryScope(
        tenant_id=caller.tenant_id,
        subject="" if shared else caller.principal.subject,
        session_id=session_of(session) if session else None,
    )


def _kind(kind: "pb.MemoryKind.ValueType") -> MemoryKind:
    if kind == pb.MEMORY_KIND_UNSPECIFIED:
        return MemoryKind.FACT
    return MemoryKind[pb.MemoryKind.Name(kind).removeprefix("MEMORY_KIND_")]


def _recollection(
    caller: Caller, one: Recollection, *, score: float | None = None
) -> pb.Recollection:
    session = one.scope.session_id
    return pb.Recollection(
        name=memory_name(caller.tenant, one.id),
        text=one.text,
        kind=pb.MemoryKind.Value(f"MEMORY_KIND_{one.kind.name}"),
        strength=one.strength,
        source=one.source,
        subject=one.scope.subject,
        session="" if session is None else session_name(caller.tenant, session),
        create_time=timestamp(one.created_at),
        score=score,
    )
