"""What a tenant has used, before and after a turn."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from entrypoints.cli.client import Client
from entrypoints.cli.figures import label
from entrypoints.cli.screen import Screen
from somagent.budget.v1.budget_pb2 import GetUsageRequest, Metric, MetricUsage

_ALWAYS = frozenset({Metric.METRIC_TOKENS, Metric.METRIC_TOOL_CALLS, Metric.METRIC_API_CALLS})


@dataclass(frozen=True, slots=True)
class Account:
    """The usage of one month by metric."""

    period: str
    usages: Mapping[int, MetricUsage]


async def account_of(client: Client, tenant: str) -> Account:
    """Raises: CommandFailedError: The server refused, or cannot be reached."""
    usage = await client.ask(client.budget.GetUsage, GetUsageRequest(parent=tenant))
    return Account(usage.period, MappingProxyType({one.metric: one for one in usage.usages}))


def show_account(screen: Screen, before: Account, after: Account) -> None:
    """The metrics that every turn uses, and whatever else changed."""
    table = screen.table(
        f"budget of {after.period}",
        ("metric", "limit", "before", "this turn", "after", "left"),
        numbers=("limit", "before", "this turn", "after", "left"),
    )
    for metric, now in after.usages.items():
        spent = before.usages[metric].spent if metric in before.usages else 0
        if now.spent == spent and metric not in _ALWAYS:
            continue
        table.add_row(
            label(Metric.Name(now.metric), "METRIC_"),
            f"{now.limit:,}" if now.HasField("limit") else "unlimited",
            f"{spent:,}",
            f"+{now.spent - spent:,}",
            f"{now.spent:,}",
            f"{now.remaining:,}" if now.HasField("remaining") else "unlimited",
        )
    screen.show(table)
