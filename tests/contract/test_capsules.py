"""What every store of capsules must honour."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import orjson
import pytest

from adapters.inmemory.capsules import InMemoryCapsules
from adapters.postgres.capsules import PostgresCapsules
from adapters.postgres.outgoing import Outgoing
from adapters.system.identifiers import SystemIdentifiers
from application.capsule.ports import CapsulePlace, Capsules
from domain.capsule.capsule import Capsule, CapsuleState
from domain.capsule.errors import (
    CapsuleAlreadyExistsError,
    CapsuleNotFoundError,
    CapsuleRevokedError,
)
from domain.capsule.manifest import Signature
from domain.capsule.manifest_reading import read_manifest
from domain.kernel.errors import EtagMismatchError, IdempotencyKeyReusedError
from domain.kernel.identifiers import CapsuleVersionId, RequestId, TenantId
from domain.kernel.request_key import RequestKey
from tests.contract.postgres_kernel import encode
from tests.fakes import NOON

IDENTIFIERS = SystemIdentifiers()


@pytest.fixture(params=["inmemory", "postgres"])
def capsules(request: pytest.FixtureRequest) -> Capsules:
    if request.param == "inmemory":
        return InMemoryCapsules()
    return PostgresCapsules(request.getfixturevalue("database"), Outgoing(encode))


@pytest.fixture
def tenant_id() -> TenantId:
    return TenantId(IDENTIFIERS.next())


def capsule(
    tenant_id: TenantId, *, name: str = "greeter", version: str = "1.0.0", says: str = "Greet."
) -> Capsule:
    document = {
        "apiVersion": "somagent.dev/v3",
        "name": name,
        "version": version,
        "persona": {"instructions": says, "knobs": {"resource_budget": 0.5}},
        "models": {"allow": ["*"]},
        "learned": {"lane_preferences": {"memory": 0.3}},
    }
    return Capsule(
        id=CapsuleVersionId(IDENTIFIERS.next()),
        tenant_id=tenant_id,
        manifest=read_manifest(document),
        document=orjson.dumps(document),
        hash=bytes(32),
        signature=Signature(key_id="0" * 16, value=bytes(64)),
        state=CapsuleState.DRAFT,
        created_at=NOON,
    )


def asked(content: bytes = b"", request_id: UUID | None = None) -> RequestKey:
    number = RequestId(str(request_id or IDENTIFIERS.next()))
    return RequestKey.of("Change", number, "ada", content)


async def activated(capsules: Capsules, draft: Capsule, minutes: int = 0) -> Capsule:
    await capsules.create(draft, asked())
    at = NOON + timedelta(minutes=minutes)
    return await capsules.activate(draft.tenant_id, draft.id, etag="", at=at, request=asked())


async def test_a_draft_is_read_back_as_it_was(capsules: Capsules, tenant_id: TenantId) -> None:
    draft = capsule(tenant_id)

    assert await capsules.create(draft, asked()) == draft
    assert await capsules.by_id(tenant_id, draft.id) == draft
    assert await capsules.version(tenant_id, "greeter", "1.0.0") == draft


async def test_a_version_never_changes(capsules: Capsules, tenant_id: TenantId) -> None:
    draft = await capsules.create(capsule(tenant_id), asked())

    same = await capsules.create(capsule(tenant_id), asked())
    with pytest.raises(CapsuleAlreadyExistsError):
        await capsules.create(capsule(tenant_id, says="Shout."), asked())

    assert same == draft
    assert await capsules.version(tenant_id, "greeter", "1.0.0") == draft


async def test_a_repeated_creation_gives_the_first_draft(
    capsules: Capsules, tenant_id: TenantId
) -> None:
    request = asked()
    draft = await capsules.create(capsule(tenant_id), request)
    also = asked()
    await capsules.create(capsule(tenant_id), also)

    assert await capsules.create(capsule(tenant_id), request) == draft
    assert await capsules.create(capsule(tenant_id), also) == draft


async def test_a_request_id_stands_for_one_content(capsules: Capsules, tenant_id: TenantId) -> None:
    request_id = IDENTIFIERS.next()
    await capsules.create(capsule(tenant_id), asked(b"one", request_id))

    with pytest.raises(IdempotencyKeyReusedError):
        await capsules.create(capsule(tenant_id, version="2.0.0"), asked(b"two", request_id))
    with pytest.raises(CapsuleNotFoundError):
        await capsules.version(tenant_id, "greeter", "2.0.0")


async def test_one_version_is_active(capsules: Capsules, tenant_id: TenantId) -> None:
    first = await activated(capsules, capsule(tenant_id))
    second = await activated(capsules, capsule(tenant_id, version="2.0.0"), minutes=1)

    standing = await capsules.standing(tenant_id, "greeter")
    retired = await capsules.by_id(tenant_id, first.id)

    assert (standing.id, standing.version, standing.state) == (
        second.id,
        "2.0.0",
        CapsuleState.ACTIVE,
    )
    assert (retired.state, retired.activated_at, retired.revision) == (CapsuleState.DRAFT, None, 3)
    assert await capsules.by_id(tenant_id, second.id) == second


async def test_activating_the_active_version_changes_nothing(
    capsules: Capsules, tenant_id: TenantId
) -> None:
    active = await activated(capsules, capsule(tenant_id))

    again = await capsules.activate(
        tenant_id, active.id, etag=active.etag, at=NOON + timedelta(days=1), request=asked()
    )

    assert again == active


async def test_of_many_activations_at_once_one_is_left(
    capsules: Capsules, tenant_id: TenantId
) -> None:
    drafts = [
        await capsules.create(capsule(tenant_id, version=f"{number}.0.0"), asked())
        for number in range(5)
    ]

    await asyncio.gather(
        *(
            capsules.activate(tenant_id, draft.id, etag="", at=NOON, request=asked())
            for draft in drafts
        )
    )

    states = [(await capsules.by_id(tenant_id, draft.id)).state for draft in drafts]
    assert states.count(CapsuleState.ACTIVE) == 1


async def test_a_late_repetition_does_not_undo_a_newer_activation(
    capsules: Capsules, tenant_id: TenantId
) -> None:
    first = await capsules.create(capsule(tenant_id), asked())
    request = asked()
    await capsules.activate(tenant_id, first.id, etag="", at=NOON, request=request)
    second = await activated(capsules, capsule(tenant_id, version="2.0.0"), minutes=1)

    late = await capsules.activate(tenant_id, first.id, etag="", at=NOON, request=request)

    assert late.state is CapsuleState.DRAFT
    assert (await capsules.standing(tenant_id, "greeter")).id == second.id


async def test_an_old_etag_activates_nothing(capsules: Capsules, tenant_id: TenantId) -> None:
    draft = await capsules.create(capsule(tenant_id), asked())

    with pytest.raises(EtagMismatchError):
        await capsules.activate(tenant_id, draft.id, etag="9", at=NOON, request=asked())
    assert await capsules.by_id(tenant_id, draft.id) == draft


async def test_a_revoked_version_is_known_as_such(capsules: Capsules, tenant_id: TenantId) -> None:
    active = await activated(capsules, capsule(tenant_id))

    revoked = await capsules.revoke(tenant_id, active.id, etag=active.etag, request=asked())

    assert (await capsules.standing(tenant_id, "greeter")).state is CapsuleState.REVOKED
    assert (await capsules.standing_of(tenant_id, active.id)).state is CapsuleState.REVOKED
    assert revoked == replace(active, state=CapsuleState.REVOKED, revision=3)
    with pytest.raises(CapsuleRevokedError):
        await capsules.activate(tenant_id, active.id, etag="", at=NOON, request=asked())


async def test_an_active_version_goes_before_one_that_was_revoked(
    capsules: Capsules, tenant_id: TenantId
) -> None:
    newer = await activated(capsules, capsule(tenant_id, version="2.0.0"), minutes=5)
    await capsules.revoke(tenant_id, newer.id, etag="", request=asked())
    older = await activated(capsules, capsule(tenant_id))

    assert (await capsules.standing(tenant_id, "greeter")).id == older.id


async def test_a_capsule_that_was_never_active_has_no_standing(
    capsules: Capsules, tenant_id: TenantId
) -> None:
    draft = await capsules.create(capsule(tenant_id), asked())

    with pytest.raises(CapsuleNotFoundError):
        await capsules.standing(tenant_id, "greeter")
    assert (await capsules.standing_of(tenant_id, draft.id)).state is CapsuleState.DRAFT


async def test_a_list_goes_by_name_and_then_from_the_newest(
    capsules: Capsules, tenant_id: TenantId
) -> None:
    for name, version in (("b", "1.0.0"), ("a", "1.0.0"), ("a", "2.0.0"), ("c", "1.0.0")):
        await capsules.create(capsule(tenant_id, name=name * 2, version=version), asked())
    await activated(capsules, capsule(tenant_id, name="dd"))

    seen: list[tuple[str, str]] = []
    after = None
    while page := await capsules.list(tenant_id, name="", state=None, after=after, limit=2):
        seen += [(one.manifest.name, one.manifest.version) for one in page]
        after = CapsulePlace(page[-1].manifest.name, page[-1].id)
    named = await capsules.list(tenant_id, name="aa", state=None, after=None, limit=9)
    active = await capsules.list(tenant_id, name="", state=CapsuleState.ACTIVE, after=None, limit=9)

    assert seen == [
        ("aa", "2.0.0"),
        ("aa", "1.0.0"),
        ("bb", "1.0.0"),
        ("cc", "1.0.0"),
        ("dd", "1.0.0"),
    ]
    assert [one.manifest.version for one in named] == ["2.0.0", "1.0.0"]
    assert [one.manifest.name for one in active] == ["dd"]


async def test_nothing_of_another_tenant_is_seen(capsules: Capsules, tenant_id: TenantId) -> None:
    active = await activated(capsules, capsule(tenant_id))
    stranger = TenantId(IDENTIFIERS.next())

    assert await capsules.list(stranger, name="", state=None, after=None, limit=9) == []
    with pytest.raises(CapsuleNotFoundError):
        await capsules.by_id(stranger, active.id)
    with pytest.raises(CapsuleNotFoundError):
        await capsules.standing(stranger, "greeter")
    with pytest.raises(CapsuleNotFoundError):
        await capsules.standing_of(stranger, active.id)
    with pytest.raises(CapsuleNotFoundError):
        await capsules.activate(stranger, active.id, etag="", at=NOON, request=asked())
    with pytest.raises(CapsuleNotFoundError):
        await capsules.revoke(stranger, active.id, etag="", request=asked())
