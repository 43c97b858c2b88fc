"""Manifests: what is taken, what is refused and where, and that the published schema agrees."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Final, cast

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from application.kernel.ports import Json
from domain.capsule.errors import CapsuleMalformedError, UnknownKnobError
from domain.capsule.knob import FALLBACK_BUDGET, Knobs
from domain.capsule.manifest import (
    Below,
    ConfidenceTerms,
    Constitution,
    OnToolFailure,
    SessionTerms,
    WhenBusy,
)
from domain.capsule.manifest_reading import read_manifest, read_signature
from domain.kernel.tool_choice import ToolChoice, ToolChoiceMode

CONTRACTS: Final = Path(__file__).parents[4] / "contracts" / "capsules"
SCHEMA: Final = Draft202012Validator(orjson.loads((CONTRACTS / "manifest.v3.json").read_bytes()))

Fields = dict[str, object]


def least() -> Fields:
    return {
        "apiVersion": "somagent.dev/v3",
        "name": "greeter",
        "version": "1.0.0",
        "persona": {"instructions": "Greet."},
        "models": {"allow": ["*"]},
    }


def full() -> Fields:
    return {
        **least(),
        "display_name": "The greeter",
        "persona": {"instructions": "Greet.", "knobs": {"intelligence_level": 3}},
        "tools": {
            "allow": ["arithmetic", "notes"],
            "choice": {"first": {"mode": "named", "tool": "arithmetic"}, "then": {"mode": "none"}},
        },
        "models": {"allow": ["local", "openai/gpt"]},
        "session": {"busy": "refuse", "max_waiting": 0},
        "memory": {"recall": False},
        "policy": {"on_tool_failure": "stop"},
        "confidence": {"threshold": 0.5, "below": "refuse"},
        "constitution": {"reference": "https://example.org/c", "hash": "a" * 64},
        "learned": {"lane_preferences": {"memory": 0.4}},
        "signature": {"algorithm": "ed25519", "key_id": "0" * 16, "value": "1" * 128},
    }


def changed(path: str, value: object) -> Fields:
    """The full manifest with one field set to another value; a new one where there was none."""
    document = deepcopy(full())
    *parents, last = path.split(".")
    place = document
    for name in parents:
        place = cast("Fields", place[name])
    place[last] = value
    return document


def without(name: str) -> Fields:
    return {field: value for field, value in least().items() if field != name}


def fits_the_schema(document: object) -> bool:
    return SCHEMA.is_valid(cast("Json", document))  # pyright: ignore[reportUnknownMemberType]  its stub


def paths_of(refusal: CapsuleMalformedError) -> list[str]:
    return [violation.field for violation in refusal.violations]


def test_the_least_manifest_permits_no_tool_and_waits_for_no_one() -> None:
    manifest = read_manifest(least())

    assert manifest.display_name == "greeter"
    assert manifest.knobs == Knobs()
    assert not manifest.tools.allow.allows("arithmetic")
    assert manifest.models.everything
    assert manifest.session == SessionTerms()
    assert manifest.recall
    assert (manifest.confidence, manifest.constitution) == (None, None)
    assert read_signature(least()) is None


def test_every_field_of_a_full_manifest_is_read() -> None:
    manifest = read_manifest(full())
    signature = read_signature(full())

    assert manifest.knobs.intelligence_level == 3
    assert manifest.tools.allow.names == {"arithmetic", "notes"}
    assert manifest.tools.first == ToolChoice(ToolChoiceMode.NAMED, "arithmetic")
    assert manifest.tools.then == ToolChoice(ToolChoiceMode.NONE)
    assert manifest.models.allows("local")
    assert not manifest.models.allows("other")
    assert manifest.session == SessionTerms(busy=WhenBusy.REFUSE, max_waiting=0)
    assert not manifest.recall
    assert manifest.on_tool_failure is OnToolFailure.STOP
    assert manifest.confidence == ConfidenceTerms(threshold=0.5, below=Below.REFUSE)
    assert manifest.constitution == Constitution(reference="https://example.org/c", hash="a" * 64)
    assert manifest.lane_preferences == {"memory": 0.4}
    assert signature is not None
    assert (signature.key_id, signature.value) == ("0" * 16, bytes([0x11] * 64))


def test_a_malformed_knob_falls_back() -> None:
    manifest = read_manifest(changed("persona.knobs", {"resource_budget": "a lot"}))

    assert manifest.knobs.resource_budget == FALLBACK_BUDGET


def test_an_unknown_knob_is_refused() -> None:
    with pytest.raises(UnknownKnobError):
        read_manifest(changed("persona.knobs", {"charm": 11}))


FAULTS: Final[Mapping[str, tuple[str, object]]] = {
    "apiVersion": ("apiVersion", "somagent.dev/v2"),
    "name": ("name", "Greeter"),
    "version": ("version", "1.0"),
    "display_name": ("display_name", "x" * 201),
    "persona": ("persona", ["Greet."]),
    "persona.instructions": ("persona.instructions", "  "),
    "persona.knobs": ("persona.knobs", [3]),
    "persona.mood": ("persona.mood", "good"),
    "tools.allow[1]": ("tools.allow", ["arithmetic", "../etc"]),
    "tools.allow": ("tools.allow", "arithmetic"),
    "tools.choice.first.tool": ("tools.choice.first", {"mode": "named", "tool": ""}),
    "tools.choice.first.mode": ("tools.choice.first", {"mode": "always"}),
    "tools.choice.then.mode": ("tools.choice.then", {"mode": "required"}),
    "models.allow": ("models.allow", []),
    "session.busy": ("session.busy", "wait"),
    "session.max_waiting": ("session.max_waiting", 3),
    "memory.recall": ("memory.recall", "yes"),
    "policy.on_tool_failure": ("policy.on_tool_failure", "retry"),
    "confidence.threshold": ("confidence.threshold", 1.5),
    "confidence.below": ("confidence.below", "hide"),
    "constitution.hash": ("constitution.hash", "A" * 64),
    "constitution.reference": ("constitution.reference", None),
    "learned.lane_preferences.mood": ("learned.lane_preferences", {"mood": 0.1}),
    "learned.lane_preferences.tools": ("learned.lane_preferences", {"tools": True}),
    "charm": ("charm", 11),
}


@pytest.mark.parametrize("path", FAULTS)
def test_a_fault_is_named_by_its_path(path: str) -> None:
    place, value = FAULTS[path]

    with pytest.raises(CapsuleMalformedError) as refusal:
        read_manifest(changed(place, value))

    assert paths_of(refusal.value)[0] == path


@pytest.mark.parametrize("path", FAULTS)
def test_the_published_schema_refuses_the_same_fault(path: str) -> None:
    place, value = FAULTS[path]

    assert not fits_the_schema(changed(place, value))


@pytest.mark.parametrize("name", sorted(least()))
def test_what_is_needed_is_missed(name: str) -> None:
    with pytest.raises(CapsuleMalformedError) as refusal:
        read_manifest(without(name))

    assert paths_of(refusal.value)[0].startswith(name)
    assert not fits_the_schema(without(name))


def test_all_faults_are_told_at_once() -> None:
    document = changed("memory.recall", 1) | {"name": "", "charm": 1}

    with pytest.raises(CapsuleMalformedError) as refusal:
        read_manifest(document)

    assert set(paths_of(refusal.value)) == {"charm", "name", "memory.recall"}
    assert refusal.value.facts["faults"] == "3"


def test_a_refusal_stays_small_whatever_the_file_holds() -> None:
    with pytest.raises(CapsuleMalformedError) as refusal:
        read_manifest(least() | {f"{number:x>9999}": 1 for number in range(1000)})

    assert len(refusal.value.violations) == 20
    assert len(str(refusal.value)) < 200


def test_a_named_tool_must_be_allowed() -> None:
    with pytest.raises(CapsuleMalformedError) as refusal:
        read_manifest(changed("tools.allow", ["notes"]))

    assert paths_of(refusal.value) == ["tools.choice.first.tool"]


def test_a_tool_cannot_be_required_where_none_is_allowed() -> None:
    with pytest.raises(CapsuleMalformedError) as refusal:
        read_manifest(least() | {"tools": {"choice": {"first": {"mode": "required"}}}})

    assert paths_of(refusal.value) == ["tools.choice.first.mode"]


@pytest.mark.parametrize("text", ["Greet\0", "Greet \ud800"])
def test_text_that_cannot_be_stored_is_refused(text: str) -> None:
    with pytest.raises(CapsuleMalformedError):
        read_manifest(changed("persona.instructions", text))


@pytest.mark.parametrize(
    ("field", "value"),
    [("algorithm", "hmac"), ("key_id", "xyz"), ("value", "1" * 127), ("more", 1)],
)
def test_a_signature_is_read_strictly(field: str, value: object) -> None:
    with pytest.raises(CapsuleMalformedError) as refusal:
        read_signature(changed(f"signature.{field}", value))

    assert paths_of(refusal.value) == [f"signature.{field}"]


def test_the_example_is_a_manifest_by_the_reader_and_by_the_schema() -> None:
    document = yaml.safe_load((CONTRACTS / "examples" / "demo.yaml").read_text())

    manifest = read_manifest(document)

    assert fits_the_schema(document)
    assert manifest.tools.first.mode is ToolChoiceMode.NAMED
    assert manifest.tools.allow.allows(manifest.tools.first.tool)


def test_the_schema_takes_what_the_reader_takes() -> None:
    assert fits_the_schema(least())
    assert fits_the_schema(full())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=8), parts),
    max_leaves=8,
)
places = st.sampled_from(
    [
        "version",
        "tools",
        "tools.allow",
        "tools.choice.first",
        "tools.choice.first.mode",
        "tools.choice.first.tool",
        "tools.choice.then",
        "models",
        "models.allow",
        "session",
        "session.busy",
        "session.max_waiting",
        "memory",
        "memory.recall",
        "policy",
        "confidence",
        "confidence.threshold",
        "constitution",
        "constitution.reference",
        "learned",
        "learned.lane_preferences",
        "learned.lane_preferences.memory",
    ]
)


@given(document=json_values)
def test_nothing_but_a_refusal_comes_of_anything(document: object) -> None:
    with pytest.raises(CapsuleMalformedError):
        read_manifest(document)


@given(place=places, value=json_values)
def test_what_the_reader_takes_the_schema_takes(place: str, value: object) -> None:
    document = changed(place, value)

    try:
        read_manifest(document)
    except CapsuleMalformedError:
        return

    assert fits_the_schema(document)
