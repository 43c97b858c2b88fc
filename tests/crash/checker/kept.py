"""What clients let be kept is there once, as they were told: memories, capsules, capabilities."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from random import Random
from typing import Final
from uuid import UUID

from domain.capsule.capsule import CapsuleState
from somagent.events.v1 import events_pb2
from somagent.memory.v1 import memory_pb2
from tests.crash.checker.ground import Ground, last_of
from tests.crash.checker.violation import Kind, Violation
from tests.crash.evidence import Evidence, Published, Remembered
from tests.crash.script import CANARY
from tests.system.client import RefusedError

_MEMORIES: Final = """
    select memory_id, text, nonce is null, forgotten_at is not null from memories
    where tenant_id = any (%(tenants)s)
"""

_MEMORY_FACTS: Final = """
    select type, payload from outbox
    where tenant_id = any (%(tenants)s) and type in ('memory.remembered', 'memory.forgotten')
"""

_CAPSULES: Final = """
    select p.slug, c.name, c.version, c.state from capsules c
    join tenant_profiles p using (tenant_id) where c.tenant_id = any (%(tenants)s)
"""

_ACTIVATIONS: Final = """
    select payload from outbox
    where tenant_id = any (%(tenants)s) and type = 'capsule.activated'
"""

_AUDITS: Final = """
    select payload from outbox
    where tenant_id = any (%(tenants)s) and type = 'audit.recorded'
"""

_CAPABILITIES: Final = """
    select p.slug, c.name from capabilities c
    join tenant_profiles p using (tenant_id) where c.tenant_id = any (%(tenants)s)
"""

RECALLS: Final = 20
"""So many memories of a run are asked for, from any server."""


def check_kept(ground: Ground) -> Iterator[Violation]:
    """What is stored, against what was told; each change was told to others once."""
    yield from _check_memories(ground)
    yield from _check_capsules(ground)
    registered = {
        f"tenants/{slug}/capabilities/{name}" for slug, name in ground.rows(_CAPABILITIES)
    }
    for name in ground.evidence.registered:
        if name not in registered:
            yield Violation(Kind.LOST, f"{name} was registered and is not there")


def _check_memories(ground: Ground) -> Iterator[Violation]:
    kept: dict[UUID, tuple[str, bool, bool]] = {
        memory: (text, unsalted, forgotten)
        for memory, text, unsalted, forgotten in ground.rows(_MEMORIES)
    }
    told = Counter(_told(str(kind), payload) for kind, payload in ground.rows(_MEMORY_FACTS))
    texts = Counter(text for text, _, _ in kept.values() if text)
    for text, times in texts.items():
        if times > 1:
            yield Violation(Kind.DOUBLED, f"{text!r} is remembered {times} times")
    for memory, (text, unsalted, forgotten) in kept.items():
        facts = (told["memory.remembered", memory], told["memory.forgotten", memory])
        if facts != (1, int(forgotten)):
            kind = Kind.DOUBLED if max(facts) > 1 else Kind.LOST
            yield Violation(kind, f"memory {memory} is told as kept and forgotten {facts} times")
        if forgotten and (text or not unsalted):
            yield Violation(Kind.LEAKED, f"memory {memory} was forgotten and is there")
    for one in ground.evidence.remembered:
        yield from _check_remembered(one, kept.get(last_of(one.name)))


def _told(kind: str, payload: bytes) -> tuple[str, UUID]:
    if kind == "memory.remembered":
        return kind, UUID(events_pb2.MemoryRemembered.FromString(payload).memory_id)
    return kind, UUID(events_pb2.MemoryForgotten.FromString(payload).memory_id)


def _check_remembered(one: Remembered, kept: tuple[str, bool, bool] | None) -> Iterator[Violation]:
    if kept is None:
        yield Violation(Kind.LOST, f"{one.name} was remembered and is not there")
        return
    text, _, forgotten = kept
    if one.forgotten and not forgotten:
        yield Violation(Kind.LEAKED, f"{one.name} was to be forgotten and is there")
    if not one.forgetting and text != text_of(one):
        yield Violation(Kind.LOST, f"{one.name} keeps {text!r}")


def _check_capsules(ground: Ground) -> Iterator[Violation]:
    states = {
        f"tenants/{slug}/capsules/{name}/versions/{version}": CapsuleState(state)
        for slug, name, version, state in ground.rows(_CAPSULES)
    }
    facts = Counter(
        events_pb2.CapsuleActivated.FromString(payload).capsule_version
        for (payload,) in ground.rows(_ACTIVATIONS)
    )
    for version, times in facts.items():
        if times > 1:
            yield Violation(Kind.DOUBLED, f"{version} is told {times} times to be active")
    audits = (events_pb2.AuditRecorded.FromString(payload) for (payload,) in ground.rows(_AUDITS))
    revocations = Counter(one.resource for one in audits if one.action == "capsule:revoke")
    for version, state in states.items():
        if revocations[version] != int(state is CapsuleState.REVOKED):
            kind = Kind.DOUBLED if revocations[version] > 1 else Kind.LOST
            what = f"{version} is {state.name}, and told {revocations[version]} times to be revoked"
            yield Violation(kind, what)
    for one in ground.evidence.published:
        yield from _check_published(one, states, facts)


def _check_published(
    one: Published, states: Mapping[str, CapsuleState], facts: Mapping[str, int]
) -> Iterator[Violation]:
    for version in one.created:
        if version not in states:
            yield Violation(Kind.LOST, f"{version} was created and is not there")
    for version in one.activated:
        if not facts.get(version):
            yield Violation(Kind.LOST, f"nobody was told that {version} became active")
    if one.activated and one.activated == one.activating and one.revoking == one.revoked:
        expected = CapsuleState.REVOKED if one.revoked else CapsuleState.ACTIVE
        found = states.get(one.activated[-1])
        if found is not expected:
            what = f"{one.activated[-1]} is {found.name if found else 'not there'}"
            yield Violation(Kind.LOST, f"{what}, and was told {expected.name}")


def text_of(one: Remembered) -> str:
    return f"{CANARY} keeps {one.ident}"


async def check_recalls(evidence: Evidence, chance: Random) -> AsyncIterator[Violation]:
    """What is kept is found by its words, on whichever server; what was forgotten is not."""
    certain = [one for one in evidence.remembered if one.forgotten == one.forgetting]
    for one in chance.sample(certain, min(RECALLS, len(certain))):
        witness = next(at for at in evidence.tenants if at.slug == one.tenant)
        request = memory_pb2.RecallRequest(parent=f"tenants/{one.tenant}", cue=one.ident, limit=50)
        try:
            answer = await chance.choice(witness.clients).ask(request, memory_pb2.RecallResponse)
        except RefusedError as refused:
            yield Violation(Kind.LOST, f"{one.name} cannot be recalled: {refused}")
            continue
        found = [it.name for it in answer.recollections if it.name == one.name]
        if found != [one.name] * (not one.forgotten):
            kind = Kind.LEAKED if one.forgotten else Kind.LOST
            yield Violation(kind, f"{one.name}, forgotten: {one.forgotten}, is found {found}")
