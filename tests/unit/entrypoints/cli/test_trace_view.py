"""What a turn did, in tables."""

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.cli.trace_view import bar, phases_table, show_turn
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.errors.v1.error_pb2 import Error
from tests.unit.entrypoints.cli.screens import readable_screen
from tests.unit.entrypoints.cli.service import INVOCATION, RECORD, TURN

TRACE = ParseDict(
    {
        "turn": TURN,
        "phases": [
            {"phase": "PHASE_AUTHENTICATE", "duration_micros": 120, "status": "PHASE_STATUS_OK"},
            {
                "phase": "PHASE_MEMORY",
                "start_offset_micros": 900,
                "duration_micros": 70,
                "status": "PHASE_STATUS_SKIPPED",
                "note": "off",
            },
            {
                "phase": "PHASE_MODEL",
                "start_offset_micros": 1_000,
                "duration_micros": 1_500_000,
                "status": "PHASE_STATUS_OK",
            },
            {
                "phase": "PHASE_SAVE",
                "start_offset_micros": 1_501_000,
                "duration_micros": 4_200,
                "status": "PHASE_STATUS_OK",
            },
        ],
        "selection": {
            "candidates": [
                {
                    "capability": "tenants/demo/capabilities/small",
                    "outcome": "CANDIDATE_OUTCOME_CHOSEN",
                },
                {
                    "capability": "tenants/demo/capabilities/large",
                    "outcome": "CANDIDATE_OUTCOME_FELL_OUT",
                    "reason": "FALL_REASON_COST_TIER",
                    "note": "dear",
                },
            ]
        },
        "derived_settings": {"temperature": 0.3, "max_tokens": 512, "model_tier": "TIER_BUDGET"},
        "lanes": [
            {
                "lane": "LANE_HISTORY",
                "budget_tokens": 800,
                "used_tokens": 200,
                "items": 3,
                "cut_items": 1,
            }
        ],
        "holds": [
            {
                "account": {"kind": "ACCOUNT_KIND_TENANT", "id": "demo"},
                "metric": "METRIC_TOKENS",
                "held": 1500,
                "used": 812,
            }
        ],
        "tools": [
            {
                "invocation": INVOCATION,
                "tool": "arithmetic",
                "state": "INVOCATION_STATE_SUCCEEDED",
                "round": 1,
            }
        ],
        "memories": [{"memory": "tenants/demo/memories/m", "score": 0.5, "tokens": 12}],
        "policy_decisions": [
            {
                "permission": "tools:execute",
                "resource": "arithmetic",
                "allowed": True,
                "rule": "role:member",
            }
        ],
        "model_calls": [
            {
                "capability": "tenants/demo/capabilities/small",
                "model": "small",
                "outcome": "ok",
                "prompt_tokens": 400,
                "completion_tokens": 20,
                "first_byte_micros": 31_000,
                "finish_reason": "stop",
            }
        ],
    },
    pb.DecisionTrace(),
)
TURN_SHOWN = pb.Turn(
    name=TURN,
    state=pb.TURN_STATE_FAILED,
    capsule_version="tenants/demo/capsules/demo/versions/1.0.0",
    usage=pb.Usage(prompt_tokens=400, completion_tokens=20, estimated=True),
    error=Error(reason="MODEL_FAILED", message="every candidate failed"),
    record=RECORD,
)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_trace_is_shown_whole_on_any_width(width: int) -> None:
    readable = readable_screen(width=width)

    show_turn(readable.screen, TURN_SHOWN, TRACE)

    lines = [line.strip() for line in readable.text.splitlines()]
    titles = ("phases", "model calls", "selection", "lanes", "tools", "budget", "decisions")
    assert [title for title in titles if title not in lines] == []
    assert "MODEL_FAILED: every candidate failed" in readable.text
    assert TURN in readable.text


def test_what_fell_out_says_why() -> None:
    readable = readable_screen(width=120)

    show_turn(readable.screen, TURN_SHOWN, TRACE)

    assert "cost tier: dear" in readable.text


def test_times_and_amounts_are_for_people() -> None:
    readable = readable_screen(width=120)

    show_turn(readable.screen, TURN_SHOWN, TRACE)

    for shown in ("1.50 s", "4.2 ms", "120 µs", "about 420 tokens", "1,500", "free"):
        assert shown in readable.text


def test_an_empty_trace_shows_no_table() -> None:
    readable = readable_screen()

    show_turn(readable.screen, pb.Turn(name=TURN), pb.DecisionTrace())

    assert readable.text.count("\n") == 3


def test_a_phase_that_failed_stands_out_by_its_word() -> None:
    readable = readable_screen()
    failed = pb.PhaseTrace(phase=pb.PHASE_MODEL, status=pb.PHASE_STATUS_FAILED, note="MODEL_FAILED")

    readable.screen.show(phases_table(readable.screen, [failed]))

    assert "failed" in readable.text
    assert "MODEL_FAILED" in readable.text


@given(
    start=st.integers(0, 10**9),
    length=st.integers(0, 10**9),
    after=st.integers(0, 10**9),
    cells=st.integers(1, 80),
)
def test_a_bar_lies_within_its_cells_and_is_never_empty(
    start: int, length: int, after: int, cells: int
) -> None:
    whole = start + length + after

    drawn = bar(start, length, whole, cells)

    assert len(drawn) <= cells
    assert drawn.endswith("█") == (whole > 0)
