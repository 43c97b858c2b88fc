"""The servicer of somagent.operations.v1."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import final
from uuid import UUID

from google.protobuf.duration_pb2 import Duration

from application.kernel.ports import Clock
from application.operations.describe_server import DescribeServer
from application.operations.get_reconciliation import GetReconciliation, GetReconciliationQuery
from application.operations.list_stuck_turns import ListStuckTurns, ListStuckTurnsQuery
from application.operations.ports import PartCondition, SeenFinding, StuckTurn
from application.tenancy.stop_tenant import StopTenant, StopTenantCommand
from domain.kernel.identifiers import RequestId, TurnId
from entrypoints.grpc.admission import answering
from entrypoints.grpc.arriving import Call
from entrypoints.grpc.conversation_resources import timestamp
from entrypoints.grpc.dead_letters import DeadLetterRpcs
from entrypoints.grpc.names import ALL_TENANTS, turn_name
from entrypoints.grpc.open_turns import EndOpenTurns
from entrypoints.grpc.reconciliation import finding, reconciliation_pass
from entrypoints.grpc.tenancy import tenant_form
from somagent.operations.v1 import operations_pb2 as pb


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OperationsServicer(DeadLetterRpcs):
    """For those who run the service; `running_turns` counts those that this process drives."""

    clock: Clock
    describe: DescribeServer
    list_stuck_turns: ListStuckTurns
    get_reconciliation: GetReconciliation
    stop: StopTenant
    end_open_turns: EndOpenTurns
    running_turns: Callable[[], int]

    async def GetServerInfo(
        self, request: pb.GetServerInfoRequest, call: Call
    ) -> pb.GetServerInfoResponse:
        async with answering(self.admission, call, request):
            server = await self.describe()
            uptime = timedelta(seconds=server.uptime_seconds)
            return pb.GetServerInfoResponse(
                version=server.identity.version,
                profile=pb.Profile.Value(f"PROFILE_{server.identity.profile.upper()}"),
                mode=pb.Mode.Value(f"MODE_{server.identity.mode.upper()}"),
                start_time=timestamp(server.identity.started_at),
                uptime=_duration(uptime),
                engines=[_part(one) for one in server.parts],
                running_turns=self.running_turns(),
            )

    async def ListStuckTurns(
        self, request: pb.ListStuckTurnsRequest, call: Call
    ) -> pb.ListStuckTurnsResponse:
        async with answering(self.admission, call, request) as caller:
            page = self.pages.page(
                caller, request, size=request.page_size, token=request.page_token
            )
            after = TurnId(UUID(page.after)) if page.after else None
            found = await self.list_stuck_turns(ListStuckTurnsQuery(limit=page.limit, after=after))
            shown, token = self.pages.cut(caller, request, page, found, _cursor)
            of_all = request.parent == ALL_TENANTS
            return pb.ListStuckTurnsResponse(
                stuck_turns=[
                    self._stuck(one) for one in shown if of_all or one.tenant == caller.tenant
                ],
                next_page_token=token,
            )

    async def GetReconciliation(
        self, request: pb.GetReconciliationRequest, call: Call
    ) -> pb.GetReconciliationResponse:
        async with answering(self.admission, call, request) as caller:
            page = self.pages.page(
                caller, request, size=request.page_size, token=request.page_token
            )
            found = await self.get_reconciliation(
                GetReconciliationQuery(
                    tenant_id=None if request.parent == ALL_TENANTS else caller.tenant_id,
                    limit=page.limit,
                    after=page.after,
                )
            )
            shown, token = self.pages.cut(caller, request, page, found.findings, _place)
            return pb.GetReconciliationResponse(
                passes=[reconciliation_pass(one) for one in found.passes],
                findings=[finding(one) for _, one in shown],
                next_page_token=token,
            )

    async def StopTenant(self, request: pb.StopTenantRequest, call: Call) -> pb.StopTenantResponse:
        async with answering(self.admission, call, request) as caller:
            noted = await self.request_ids.claim(caller, request, request.request_id)
            subject = caller.principal.subject
            tenant = await self.stop(
                StopTenantCommand(
                    actor=subject,
                    slug=caller.tenant,
                    reason=request.reason,
                    request_id=RequestId(request.request_id.lower()),
                )
            )
            self.admission.shut_out(tenant.id)
            ended = await self.end_open_turns(tenant.id, by=subject)
            if not noted:
                noted = str(ended)
                await self.request_ids.note(caller, request, request.request_id, noted)
            return pb.StopTenantResponse(tenant=tenant_form(tenant), cancelled_turns=int(noted))

    def _stuck(self, turn: StuckTurn) -> pb.StuckTurn:
        return pb.StuckTurn(
            turn=turn_name(turn.tenant, turn.session_id, turn.turn_id),
            lease_expire_time=timestamp(turn.lease_until),
            fence=turn.fence,
            stuck_duration=_duration(max(timedelta(), self.clock.now() - turn.lease_until)),
            server=str(turn.owner),
            create_time=timestamp(turn.accepted_at),
        )


def _part(part: PartCondition) -> pb.Engine:
    answered = part.latency_seconds > 0
    troubled = pb.ENGINE_STATUS_DEGRADED if answered else pb.ENGINE_STATUS_DOWN
    return pb.Engine(
        name=part.name,
        status=troubled if part.problem else pb.ENGINE_STATUS_UP,
        version=part.version,
        latency=_duration(timedelta(seconds=part.latency_seconds)) if answered else None,
        note=part.problem,
    )


def _duration(time: timedelta) -> Duration:
    duration = Duration()
    duration.FromTimedelta(time)
    return duration


def _cursor(turn: StuckTurn) -> str:
    return str(turn.turn_id)


def _place(found: tuple[str, SeenFinding]) -> str:
    return found[0]
