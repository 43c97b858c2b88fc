"""The decision trace as it is kept, read back: what an older server left out stays empty."""

from collections.abc import Mapping, Sequence

from application.kernel.ports import Json
from domain.conversation.phase import Attempt, LaneUse, Phase, PhaseStatus, PhaseTime
from domain.conversation.trace import (
    DecisionTrace,
    FellOutTrace,
    MemoryTrace,
    SelectionTrace,
    Setting,
)
from domain.kernel.identifiers import TurnId


def trace_of(turn_id: TurnId, kept: Json) -> DecisionTrace:
    """The trace that `turn_trace` made this JSON of."""
    fields = _fields(kept)
    return DecisionTrace(
        turn_id=turn_id,
        phases=tuple(_phase(_items(one)) for one in _items(fields.get("phases"))),
        selection=_selection(fields.get("selection")),
        settings=_settings(_fields(fields.get("settings"))),
        lanes=tuple(_lane(_items(one)) for one in _items(fields.get("lanes"))),
        estimated=fields.get("counts") == "estimated",
        held_tokens=_whole(fields.get("held_tokens")),
        attempts=tuple(_attempt(_fields(one)) for one in _items(fields.get("attempts"))),
        memories=tuple(_memory(_items(one)) for one in _items(fields.get("memories"))),
        decisions=tuple(_decision(_items(one)) for one in _items(fields.get("decisions"))),
        degraded=tuple(
            (_text(_at(one, 0)), _text(_at(one, 1)))
            for one in map(_items, _items(fields.get("degraded")))
        ),
    )


def _phase(one: Sequence[Json]) -> PhaseTime:
    return PhaseTime(
        Phase(_text(_at(one, 0))),
        _whole(_at(one, 1)),
        _whole(_at(one, 2)),
        PhaseStatus(_text(_at(one, 3))),
        _text(_at(one, 4)),
    )


def _selection(kept: Json) -> SelectionTrace | None:
    if kept is None:
        return None
    fields = _fields(kept)
    return SelectionTrace(
        chosen=_text(fields.get("chosen")),
        fallbacks=tuple(_text(one) for one in _items(fields.get("fallbacks"))),
        fell_out=tuple(
            FellOutTrace(_text(_at(one, 0)), _text(_at(one, 1)), _text(_at(one, 2)))
            for one in map(_items, _items(fields.get("fell_out")))
        ),
    )


def _settings(fields: Mapping[str, Json]) -> Mapping[str, Setting]:
    return {
        name: value for name, value in fields.items() if isinstance(value, str | int | float | bool)
    }


def _lane(one: Sequence[Json]) -> LaneUse:
    return LaneUse(
        _text(_at(one, 0)),
        _whole(_at(one, 1)),
        _whole(_at(one, 2)),
        _whole(_at(one, 3)),
        _whole(_at(one, 4)),
    )


def _attempt(fields: Mapping[str, Json]) -> Attempt:
    confidence = fields.get("confidence")
    return Attempt(
        capability=_text(fields.get("capability")),
        provider=_text(fields.get("provider")),
        model=_text(fields.get("model")),
        round=_whole(fields.get("round")),
        outcome=_text(fields.get("outcome")),
        request_id=_text(fields.get("request_id")),
        finish_reason=_text(fields.get("finish_reason")),
        prompt_tokens=_whole(fields.get("prompt_tokens")),
        completion_tokens=_whole(fields.get("completion_tokens")),
        first_byte_us=_whole(fields.get("first_byte_us")),
        confidence=None if confidence is None else _number(confidence),
    )


def _memory(one: Sequence[Json]) -> MemoryTrace:
    return MemoryTrace(_text(_at(one, 0)), _number(_at(one, 1)), _whole(_at(one, 2)))


def _decision(one: Sequence[Json]) -> tuple[str, str, bool, str]:
    return _text(_at(one, 0)), _text(_at(one, 1)), _at(one, 2) is True, _text(_at(one, 3))


def _fields(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _items(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list | tuple) else ()


def _at(items: Sequence[Json], place: int) -> Json:
    return items[place] if place < len(items) else None


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Json) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _number(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
