"""Shows why a turn did what it did: phases and their times, choices, lanes, costs."""

import re
from collections.abc import Sequence
from typing import Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from entrypoints.cli.client import Client
from entrypoints.cli.figures import (
    between,
    duration,
    label,
    last_part,
    moment,
    usage_words,
)
from entrypoints.cli.refusals import words_of
from entrypoints.cli.screen import Screen, one_line
from somagent.budget.v1.budget_pb2 import AccountKind, Hold, Metric
from somagent.capability.v1.capability_pb2 import (
    CandidateOutcome,
    FallReason,
    Selection,
)
from somagent.conversation.v1.conversation_pb2 import (
    DecisionTrace,
    GetDecisionTraceRequest,
    GetTurnRequest,
    Lane,
    LaneTrace,
    Phase,
    PhaseStatus,
    PhaseTrace,
    Turn,
    TurnState,
)
from somagent.tools.v1.tools_pb2 import InvocationState

_BEFORE_CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z])")
_BAR_CELLS: Final = 24
_STYLES: Final = {
    PhaseStatus.PHASE_STATUS_OK: "",
    PhaseStatus.PHASE_STATUS_SKIPPED: "dim",
    PhaseStatus.PHASE_STATUS_DEGRADED: "yellow",
    PhaseStatus.PHASE_STATUS_FAILED: "red",
}


async def fetch_turn(client: Client, name: str) -> tuple[Turn, DecisionTrace]:
    """Raises: CommandFailedError: The server refused, or cannot be reached."""
    conversation = client.conversation
    turn = await client.ask(conversation.GetTurn, GetTurnRequest(name=name))
    trace = await client.ask(conversation.GetDecisionTrace, GetDecisionTraceRequest(name=name))
    return turn.turn, trace.decision_trace


def show_turn(screen: Screen, turn: Turn, trace: DecisionTrace) -> None:
    """Everything that is known of a turn, in one screen after another."""
    _heading(screen, turn)
    for table in tables_of(screen, trace):
        screen.say()
        screen.show(table)


def tables_of(screen: Screen, trace: DecisionTrace) -> Sequence[RenderableType]:
    """One table for each thing that the trace tells something about."""
    return [
        table
        for table in (
            phases_table(screen, trace.phases),
            _model_calls(screen, trace),
            _selection(screen, trace.selection),
            _lanes(screen, trace.lanes),
            _tools(screen, trace),
            _memories(screen, trace),
            _holds(screen, trace.holds),
            _decisions(screen, trace),
            _settings(screen, trace),
        )
        if table.row_count
    ]


def phases_table(screen: Screen, phases: Sequence[PhaseTrace]) -> Table:
    """The phases in the order they began, each with a bar where it lies in the turn."""
    table = screen.table("phases", ("phase", "took", "when", "", "note"), numbers=("took",))
    whole = max((one.start_offset_micros + one.duration_micros for one in phases), default=0)
    for one in phases:
        status = one.status
        words = (
            ""
            if status == PhaseStatus.PHASE_STATUS_OK
            else label(PhaseStatus.Name(status), "PHASE_STATUS_")
        )
        table.add_row(
            f"{int(one.phase):>2} {label(Phase.Name(one.phase), 'PHASE_')}",
            duration(one.duration_micros),
            screen.plain(bar(one.start_offset_micros, one.duration_micros, whole)),
            words,
            Text(one_line(one.note)),
            style=_STYLES.get(status) or None,
        )
    return table


def bar(start: int, length: int, whole: int, cells: int = _BAR_CELLS) -> str:
    """A bar in `cells` places; whatever took any time fills one at least."""
    if whole <= 0:
        return ""
    first = min(start * cells // whole, cells - 1)
    last = min(-(-(start + length) * cells // whole), cells)
    return " " * first + "█" * max(1, last - first)


def _heading(screen: Screen, turn: Turn) -> None:
    state = label(TurnState.Name(turn.state), "TURN_STATE_")
    screen.say(turn.name, "bold")
    took = between(turn.create_time, turn.end_time)
    capsule = "/".join(turn.capsule_version.split("/")[3::2])
    parts = (state, f"capsule {capsule}", moment(turn.create_time), took)
    screen.say(" · ".join(part for part in parts if part))
    screen.say(usage_words(turn.usage))
    if turn.HasField("error"):
        screen.say(words_of(turn.error), "red")
    if turn.record:
        screen.say(f"record {turn.record}", "dim")


def _model_calls(screen: Screen, trace: DecisionTrace) -> Table:
    table = screen.table(
        "model calls",
        ("round", "capability", "model", "outcome", "first byte", "prompt", "reply", "ended"),
        numbers=("round", "first byte", "prompt", "reply"),
    )
    for one in trace.model_calls:
        table.add_row(
            str(one.round),
            last_part(one.capability),
            Text(one_line(one.model, 60)),
            one.outcome,
            duration(one.first_byte_micros) if one.first_byte_micros else "",
            f"{one.prompt_tokens:,}",
            f"{one.completion_tokens:,}",
            Text(one_line(one.finish_reason, 40)),
            style=None if one.outcome == "ok" else "yellow",
        )
    return table


def _selection(screen: Screen, selection: Selection) -> Table:
    table = screen.table("selection", ("capability", "outcome", "reason"))
    for one in selection.candidates:
        fell = one.outcome == CandidateOutcome.CANDIDATE_OUTCOME_FELL_OUT
        reason = label(FallReason.Name(one.reason), "FALL_REASON_") if fell else ""
        table.add_row(
            last_part(one.capability),
            label(CandidateOutcome.Name(one.outcome), "CANDIDATE_OUTCOME_"),
            Text(": ".join(part for part in (reason, one_line(one.note)) if part)),
            style="dim" if fell else None,
        )
    return table


def _lanes(screen: Screen, lanes: Sequence[LaneTrace]) -> Table:
    table = screen.table(
        "lanes",
        ("lane", "tokens", "of", "filled", "items", "cut"),
        numbers=("tokens", "of", "items", "cut"),
    )
    for one in lanes:
        about = "about " if one.estimated else ""
        table.add_row(
            label(Lane.Name(one.lane), "LANE_"),
            f"{about}{one.used_tokens:,}",
            f"{one.budget_tokens:,}",
            screen.plain(bar(0, one.used_tokens, one.budget_tokens) if one.used_tokens else ""),
            str(one.items),
            str(one.cut_items or ""),
            style="yellow" if one.cut_items else None,
        )
    return table


def _tools(screen: Screen, trace: DecisionTrace) -> Table:
    table = screen.table("tools", ("round", "tool", "state", "reason", "invocation"))
    for one in trace.tools:
        good = one.state == InvocationState.INVOCATION_STATE_SUCCEEDED
        table.add_row(
            str(one.round),
            one.tool,
            label(InvocationState.Name(one.state), "INVOCATION_STATE_"),
            one.reason,
            last_part(one.invocation),
            style=None if good else "yellow",
        )
    return table


def _memories(screen: Screen, trace: DecisionTrace) -> Table:
    table = screen.table("memories", ("memory", "score", "tokens"), numbers=("score", "tokens"))
    for one in trace.memories:
        table.add_row(last_part(one.memory), f"{one.score:.3f}", f"{one.tokens:,}")
    return table


def _holds(screen: Screen, holds: Sequence[Hold]) -> Table:
    table = screen.table(
        "budget",
        ("account", "metric", "held", "used", "overrun"),
        numbers=("held", "used", "overrun"),
    )
    for one in holds:
        kind = label(AccountKind.Name(one.account.kind), "ACCOUNT_KIND_")
        table.add_row(
            Text(f"{kind} {one_line(one.account.id, 60)}" if one.account.id else "kept as a hash"),
            label(Metric.Name(one.metric), "METRIC_"),
            f"{one.held:,}",
            f"{one.used:,}",
            f"{one.overrun:,}" if one.overrun else "",
            style="yellow" if one.overrun else None,
        )
    return table


def _decisions(screen: Screen, trace: DecisionTrace) -> Table:
    table = screen.table("decisions", ("permission", "resource", "answer", "rule"))
    for one in trace.policy_decisions:
        table.add_row(
            one.permission,
            Text(one_line(one.resource, 60)),
            "allowed" if one.allowed else "denied",
            one.rule,
            style=None if one.allowed else "red",
        )
    return table


def _settings(screen: Screen, trace: DecisionTrace) -> Table:
    table = screen.table("settings", ("setting", "value"))
    for field, value in trace.derived_settings.ListFields():
        words = str(value).lower()
        if field.enum_type is not None:
            prefix = _BEFORE_CAPITAL.sub("_", field.enum_type.name).upper()
            words = label(field.enum_type.values_by_number[value].name, f"{prefix}_")
        table.add_row(field.name.replace("_", " "), words)
    return table
