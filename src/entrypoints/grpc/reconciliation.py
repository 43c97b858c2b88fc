"""What reconciliations found, as messages of the API."""

from application.operations.ports import Pass, SeenFinding
from entrypoints.grpc.conversation_resources import timestamp
from entrypoints.grpc.names import tenant_name
from somagent.operations.v1 import operations_pb2 as pb


def finding(seen: SeenFinding) -> pb.Finding:
    found = seen.finding
    return pb.Finding(
        kind=pb.FindingKind.Value(f"FINDING_KIND_{found.kind.name}"),
        tenant=tenant_name(seen.tenant) if seen.tenant else "",
        reference=found.reference,
        detail=found.detail,
        repaired=found.repaired,
        found_time=timestamp(seen.found_at),
        seen_time=timestamp(seen.seen_at),
    )


def reconciliation_pass(made: Pass) -> pb.ReconciliationPass:
    return pb.ReconciliationPass(
        scope=pb.ReconciliationScope.Value(f"RECONCILIATION_SCOPE_{made.scope.name}"),
        begin_time=timestamp(made.began_at),
        end_time=None if made.ended_at is None else timestamp(made.ended_at),
    )
