"""Reads a manifest, strictly: whatever has no meaning is refused, with its path."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, cast

from domain.capsule.document import Document
from domain.capsule.errors import CapsuleMalformedError
from domain.capsule.knob import Knobs
from domain.capsule.manifest import (
    API_VERSION,
    EVERYTHING,
    AllowList,
    Below,
    ConfidenceTerms,
    Constitution,
    Manifest,
    OnInterruption,
    OnToolFailure,
    SessionTerms,
    Signature,
    ToolTerms,
    WhenBusy,
)
from domain.kernel.tool_choice import ToolChoice, ToolChoiceMode

LANES: Final = ("system", "history", "memory", "tools", "buffer")

LONGEST_INSTRUCTIONS: Final = 65_536
MOST_NAMES: Final = 256
MOST_WAITING: Final = 1_000

_NAME: Final = re.compile(r"[a-z](?:-?[a-z0-9]){1,62}")
_VERSION: Final = re.compile(
    r"(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8})){2}"
    r"(?:-[0-9A-Za-z.-]{1,64})?(?:\+[0-9A-Za-z.-]{1,64})?"
)
_ALLOWED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,127}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{128}")
_KEY_ID: Final = re.compile(r"[0-9a-f]{16}")

_FIELDS: Final = frozenset(
    {
        "apiVersion",
        "name",
        "version",
        "display_name",
        "persona",
        "tools",
        "models",
        "session",
        "memory",
        "policy",
        "confidence",
        "constitution",
        "learned",
        "signature",
    }
)


def read_manifest(content: object) -> Manifest:
    """Read a manifest from what its file holds.

    Raises:
        CapsuleMalformedError: With every fault and its path.
        UnknownKnobError: The persona has a knob that does not exist.
    """
    document = Document(content)
    document.only(_FIELDS)
    if document.raw("apiVersion") != API_VERSION:
        document.fault("apiVersion", f"must be {API_VERSION}")
    name = document.text("name", longest=63, needed=True)
    if name and _NAME.fullmatch(name) is None:
        document.fault("name", "2 to 63 of a-z, 0-9 and single hyphens, a letter first")
    version = document.text("version", longest=160, needed=True)
    if version and _VERSION.fullmatch(version) is None:
        document.fault("version", "must be a semantic version, for example 1.0.0")
    persona = document.part("persona")
    persona.only({"instructions", "knobs"})
    policy = document.part("policy")
    policy.only({"on_tool_failure", "on_interruption"})
    manifest = Manifest(
        name=name,
        version=version,
        display_name=document.text("display_name", longest=200) or name,
        instructions=persona.text("instructions", longest=LONGEST_INSTRUCTIONS, needed=True),
        knobs=_knobs(persona),
        tools=_tools(document.part("tools")),
        models=_models(document.part("models")),
        session=_session(document.part("session")),
        recall=_recall(document.part("memory")),
        on_tool_failure=_on_tool_failure(policy),
        on_interruption=_on_interruption(policy),
        confidence=_confidence(document),
        constitution=_constitution(document),
        lane_preferences=_lane_preferences(document.part("learned")),
    )
    if document.faults:
        raise CapsuleMalformedError(document.faults)
    return manifest


def read_signature(content: object) -> Signature | None:
    """The signature of a manifest; None where it has none.

    Raises:
        CapsuleMalformedError: It is not written as one.
    """
    document = Document(content)
    if not document.has("signature"):
        return None
    signature = document.part("signature")
    signature.only({"algorithm", "key_id", "value"})
    if signature.raw("algorithm") != "ed25519":
        signature.fault("algorithm", "must be ed25519")
    key_id = signature.text("key_id", longest=64, needed=True)
    if key_id and _KEY_ID.fullmatch(key_id) is None:
        signature.fault("key_id", "must be 16 hexadecimal digits")
    value = signature.text("value", longest=256, needed=True)
    if value and _SIGNATURE.fullmatch(value) is None:
        signature.fault("value", "must be 128 hexadecimal digits")
    if document.faults:
        raise CapsuleMalformedError(document.faults)
    return Signature(key_id=key_id, value=bytes.fromhex(value))


def _knobs(persona: Document) -> Knobs:
    raw = persona.raw("knobs")
    if raw is None:
        return Knobs()
    if not isinstance(raw, Mapping):
        persona.fault("knobs", "must be a mapping")
        return Knobs()
    return Knobs.of(cast("Mapping[str, object]", raw))


def _tools(tools: Document) -> ToolTerms:
    tools.only({"allow", "choice"})
    allow = AllowList(tools.names("allow", most=MOST_NAMES, fits=_is_allowable))
    choice = tools.part("choice")
    choice.only({"first", "then"})
    first = _choice(choice, "first", allow)
    then = _choice(choice, "then", allow)
    if then.mode in {ToolChoiceMode.REQUIRED, ToolChoiceMode.NAMED}:
        choice.fault("then.mode", "must be auto or none, or the model could never answer")
    return ToolTerms(allow=allow, first=first, then=then)


def _choice(choices: Document, name: str, allow: AllowList) -> ToolChoice:
    choice = choices.part(name)
    choice.only({"mode", "tool"})
    mode = choice.choice("mode", ToolChoiceMode.AUTO)
    tool = choice.text("tool", longest=128, needed=mode is ToolChoiceMode.NAMED)
    if tool and mode is not ToolChoiceMode.NAMED:
        choice.fault("tool", "is for the mode named alone")
    if tool and not allow.allows(tool):
        choice.fault("tool", "is not among the tools allowed")
    if mode is ToolChoiceMode.REQUIRED and not allow.names:
        choice.fault("mode", "asks for a tool, and none is allowed")
    return ToolChoice(mode, tool)


def _models(models: Document) -> AllowList:
    models.only({"allow"})
    allow = AllowList(models.names("allow", most=MOST_NAMES, fits=_is_allowable))
    if not allow.names:
        models.fault("allow", f"must name the models that may answer, or {EVERYTHING!r} for all")
    return allow


def _session(session: Document) -> SessionTerms:
    session.only({"busy", "max_waiting"})
    fallback = SessionTerms()
    busy = session.choice("busy", WhenBusy.QUEUE)
    if busy is WhenBusy.REFUSE:
        if session.whole("max_waiting", low=0, high=MOST_WAITING, fallback=0):
            session.fault("max_waiting", "nobody waits where a busy session refuses")
        return SessionTerms(busy=busy, max_waiting=0)
    waiting = session.whole("max_waiting", low=1, high=MOST_WAITING, fallback=fallback.max_waiting)
    return SessionTerms(busy=busy, max_waiting=waiting)


def _recall(memory: Document) -> bool:
    memory.only({"recall"})
    return memory.flag("recall", fallback=True)


def _on_tool_failure(policy: Document) -> OnToolFailure:
    return policy.choice("on_tool_failure", OnToolFailure.CONTINUE)


def _on_interruption(policy: Document) -> OnInterruption:
    return policy.choice("on_interruption", OnInterruption.FAIL)


def _confidence(document: Document) -> ConfidenceTerms | None:
    if not document.has("confidence"):
        return None
    confidence = document.part("confidence")
    confidence.only({"threshold", "below"})
    return ConfidenceTerms(
        threshold=confidence.share("threshold"), below=confidence.choice("below", Below.FLAG)
    )


def _constitution(document: Document) -> Constitution | None:
    if not document.has("constitution"):
        return None
    constitution = document.part("constitution")
    constitution.only({"reference", "hash"})
    digest = constitution.text("hash", longest=64, needed=True)
    if digest and _SHA256.fullmatch(digest) is None:
        constitution.fault("hash", "must be a SHA-256 as 64 hexadecimal digits")
    return Constitution(
        reference=constitution.text("reference", longest=512, needed=True), hash=digest
    )


def _lane_preferences(learned: Document) -> Mapping[str, float]:
    learned.only({"lane_preferences"})
    lanes = learned.part("lane_preferences")
    lanes.only(LANES)
    return MappingProxyType({lane: lanes.share(lane) for lane in LANES if lanes.has(lane)})


def _is_allowable(name: str) -> bool:
    return name == EVERYTHING or _ALLOWED.fullmatch(name) is not None
