"""What a published usage event tells, read back."""

from collections.abc import Mapping
from uuid import UUID

from domain.kernel.metering import Metric
from somagent.budget.v1 import budget_pb2
from somagent.events.v1 import events_pb2 as pb


def read_usage(payload: bytes) -> tuple[UUID, Mapping[Metric, int]] | None:
    """The turn of a `usage.recorded`, and what it used of each metric; None where it has no turn.

    Raises:
        DecodeError: The payload is no such message.
    """
    told = pb.UsageRecorded.FromString(payload)
    if not told.turn:
        return None
    used = dict[Metric, int]()
    for line in told.lines:
        name = budget_pb2.Metric.Name(line.quantity.metric).removeprefix("METRIC_").lower()
        used[Metric(name)] = used.get(Metric(name), 0) + line.quantity.amount
    return UUID(told.turn.rpartition("/")[2]), used
