"""What a published usage event tells, read back."""

from collections.abc import Mapping
from uuid import UUID

from domain.kernel.metering import Metric
from somagent.budget.v1 import budget_pb2
from somagent.events.v1 import events_pb2 as pb


def read_usage(payload: bytes) -> tuple[UUID, Mapping[Metric, int]] | None:
    """What a `usage.recorded` is about, a turn, call or reservation, and its use of each metric.

    None where it names nothing: those that are older than the names of calls and reservations.

    Raises:
        DecodeError: The payload is no such message.
    """
    told = pb.UsageRecorded.FromString(payload)
    name = told.turn or told.invocation or told.reservation
    if not name:
        return None
    used = dict[Metric, int]()
    for line in told.lines:
        metric = Metric(
            budget_pb2.Metric.Name(line.quantity.metric).removeprefix("METRIC_").lower()
        )
        used[metric] = used.get(metric, 0) + line.quantity.amount
    return UUID(name.rpartition("/")[2]), used
