"""Records that clients write."""

from google.protobuf.timestamp_pb2 import Timestamp

from somagent.provenance.v1 import provenance_pb2
from tests.crash.acting.actor import Actor
from tests.crash.script import CANARY


async def recorded(actor: Actor) -> None:
    now = Timestamp()
    now.GetCurrentTime()
    request = provenance_pb2.RecordProvenanceRequest(
        parent=actor.caller.parent,
        action="invoice.approved",
        resource="invoices/1",
        outcome=provenance_pb2.OUTCOME_COMPLETED,
        start_time=now,
        end_time=now,
        input=CANARY.encode(),
        request_id=actor.caller.request_id(),
    )
    await actor.caller.ask(request, provenance_pb2.RecordProvenanceResponse)
