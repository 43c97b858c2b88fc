"""Dead letters, from outside."""

from collections.abc import Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from somagent.operations.v1 import operations_pb2 as pb
from somagent.operations.v1 import operations_pb2_grpc as rpc
from tests.e2e.refused import reason_of
from tests.e2e.stage import Metadata, Stage, fresh_id


async def listed(stage: Stage, caller: Metadata, request: pb.ListDeadLettersRequest) -> list[str]:
    stub = rpc.OperationsServiceStub(stage.channel)
    answer = await stub.ListDeadLetters(request, metadata=caller.pairs)
    return [one.name for one in answer.dead_letters]


async def shown(stage: Stage, caller: Metadata, name: str, *, full: bool = False) -> pb.DeadLetter:
    view = pb.DEAD_LETTER_VIEW_FULL if full else pb.DEAD_LETTER_VIEW_BASIC
    stub = rpc.OperationsServiceStub(stage.channel)
    request = pb.GetDeadLetterRequest(name=name, view=view)
    return (await stub.GetDeadLetter(request, metadata=caller.pairs)).dead_letter


def edit(name: str, payload: bytes, *, etag: str = "") -> pb.UpdateDeadLetterRequest:
    return pb.UpdateDeadLetterRequest(
        name=name,
        payload=payload,
        etag=etag,
        update_mask=FieldMask(paths=["payload"]),
        request_id=fresh_id(),
    )


def discard(slug: str, names: Sequence[str]) -> pb.DiscardDeadLettersRequest:
    return pb.DiscardDeadLettersRequest(
        parent=f"tenants/{slug}", names=names, note="sent by mistake", request_id=fresh_id()
    )


async def test_an_administrator_sees_what_his_tenants_letters_carry(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    name = await stage.dead_letter(slug, b"the payload")

    letter = await shown(stage, ada, name, full=True)

    assert (letter.payload, letter.headers[0].name) == (b"the payload", "type")
    assert (letter.state, letter.reason) == (pb.DEAD_LETTER_STATE_RESTING, "SESSION_NOT_FOUND")
    assert len(letter.attempts) == 1


async def test_a_list_shows_no_content(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    await stage.dead_letter(slug, b"the payload")
    stub = rpc.OperationsServiceStub(stage.channel)

    answer = await stub.ListDeadLetters(
        pb.ListDeadLettersRequest(parent=f"tenants/{slug}"), metadata=ada.pairs
    )

    assert [(one.payload, len(one.headers)) for one in answer.dead_letters] == [(b"", 0)]
    assert answer.dead_letters[0].payload_bytes == len(b"the payload")


async def test_an_operator_sees_all_letters_and_opens_the_platforms_alone(stage: Stage) -> None:
    slug, _ = await stage.tenant()
    theirs, own = await stage.dead_letter(slug), await stage.dead_letter("platform", b"garbage")

    first = await shown(stage, stage.operator, theirs)

    assert (first.name, first.payload) == (theirs, b"")
    opened = shown(stage, stage.operator, theirs, full=True)
    assert await reason_of(opened) == "PERMISSION_DENIED"
    stub = rpc.OperationsServiceStub(stage.channel)
    edited = stub.UpdateDeadLetter(edit(theirs, b"mine"), metadata=stage.operator.pairs)
    assert await reason_of(edited) == "PERMISSION_DENIED"
    assert (await shown(stage, stage.operator, own, full=True)).payload == b"garbage"
    of_all = pb.ListDeadLettersRequest(parent="tenants/-", page_size=1000)
    assert {theirs, own} <= set(await listed(stage, stage.operator, of_all))


async def test_a_member_sees_none_and_an_auditor_changes_none(stage: Stage) -> None:
    slug, _ = await stage.tenant()
    name = await stage.dead_letter(slug)
    member, auditor = await stage.key(slug, "member"), await stage.key(slug, "auditor")
    stub = rpc.OperationsServiceStub(stage.channel)

    assert await reason_of(shown(stage, member, name)) == "PERMISSION_DENIED"
    assert (await shown(stage, auditor, name)).name == name
    assert await reason_of(shown(stage, auditor, name, full=True)) == "PERMISSION_DENIED"
    refused = stub.DiscardDeadLetters(discard(slug, [name]), metadata=auditor.pairs)
    assert await reason_of(refused) == "PERMISSION_DENIED"


async def test_letters_are_found_by_what_is_known_of_them(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    names = [await stage.dead_letter(slug) for _ in range(3)]
    letter = await shown(stage, ada, names[1])
    came, discarded = letter.create_time, pb.DEAD_LETTER_STATE_DISCARDED
    expected: tuple[tuple[pb.ListDeadLettersRequest, list[str]], ...] = (
        (pb.ListDeadLettersRequest(topic=letter.topic, reason=letter.reason), names),
        (pb.ListDeadLettersRequest(topic="another"), []),
        (pb.ListDeadLettersRequest(key=letter.key), names),
        (pb.ListDeadLettersRequest(state=discarded), []),
        (pb.ListDeadLettersRequest(start_time=came), names[1:]),
        (pb.ListDeadLettersRequest(end_time=came), names[:1]),
    )
    for request, found in expected:
        request.parent = f"tenants/{slug}"
        assert await listed(stage, ada, request) == found, request


async def test_a_letter_is_mended_under_its_etag(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    name = await stage.dead_letter(slug, b"broken")
    stub = rpc.OperationsServiceStub(stage.channel)
    letter = await shown(stage, ada, name)

    mended = await stub.UpdateDeadLetter(
        edit(name, b"mended", etag=letter.etag), metadata=ada.pairs
    )

    assert (mended.dead_letter.payload, mended.dead_letter.payload_bytes) == (b"mended", 6)
    assert len(mended.dead_letter.headers) == 1
    late = stub.UpdateDeadLetter(edit(name, b"late", etag=letter.etag), metadata=ada.pairs)
    assert await reason_of(late) == "ETAG_MISMATCH"
    assert (await shown(stage, ada, name, full=True)).payload == b"mended"


async def test_an_edit_that_is_sent_again_undoes_no_later_one(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    name = await stage.dead_letter(slug, b"broken")
    stub = rpc.OperationsServiceStub(stage.channel)
    first = edit(name, b"first")
    await stub.UpdateDeadLetter(first, metadata=ada.pairs)
    await stub.UpdateDeadLetter(edit(name, b"second"), metadata=ada.pairs)

    await stub.UpdateDeadLetter(first, metadata=ada.pairs)

    assert (await shown(stage, ada, name, full=True)).payload == b"second"


async def test_no_credential_is_put_into_a_letter(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    name = await stage.dead_letter(slug)
    headers = [
        pb.MessageHeader(name="Authorization", value=b"Bearer x"),
        pb.MessageHeader(name="mine", value=b"y"),
    ]

    edited = await rpc.OperationsServiceStub(stage.channel).UpdateDeadLetter(
        pb.UpdateDeadLetterRequest(
            name=name,
            headers=headers,
            update_mask=FieldMask(paths=["headers"]),
            request_id=fresh_id(),
        ),
        metadata=ada.pairs,
    )

    assert [one.name for one in edited.dead_letter.headers] == ["mine"]


async def test_discarded_letters_stay_readable_and_are_discarded_once(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    name = await stage.dead_letter(slug)
    missing = f"tenants/{slug}/deadLetters/{fresh_id()}"
    stub = rpc.OperationsServiceStub(stage.channel)

    answer = await stub.DiscardDeadLetters(discard(slug, [name, missing]), metadata=ada.pairs)

    assert [one.name for one in answer.dead_letters] == [name]
    assert [(one.name, one.error.reason) for one in answer.refused] == [
        (missing, "DEAD_LETTER_NOT_FOUND")
    ]
    letter = await shown(stage, ada, name, full=True)
    assert (letter.state, letter.note, letter.settler) == (
        pb.DEAD_LETTER_STATE_DISCARDED,
        "sent by mistake",
        "ada",
    )
    late = stub.UpdateDeadLetter(edit(name, b"late"), metadata=ada.pairs)
    assert await reason_of(late) == "DEAD_LETTER_SETTLED"


async def test_another_tenants_letter_is_not_discarded_by_its_name(stage: Stage) -> None:
    slug, _ = await stage.tenant()
    stranger, grace = await stage.tenant()
    name = await stage.dead_letter(slug)

    refused = rpc.OperationsServiceStub(stage.channel).DiscardDeadLetters(
        discard(stranger, [name]), metadata=grace.pairs
    )

    assert await reason_of(refused) == "DEAD_LETTER_NOT_FOUND"


async def test_pages_of_a_replay_pass_over_what_is_refused_again(stage: Stage) -> None:
    slug, ada = await stage.tenant()
    names = [await stage.dead_letter(slug, b"garbage") for _ in range(2)]
    stub = rpc.OperationsServiceStub(stage.channel)
    request = pb.ReplayDeadLettersRequest(
        parent=f"tenants/{slug}",
        filter=pb.DeadLetterFilter(),
        page_size=1,
        request_id=fresh_id(),
    )

    first = await stub.ReplayDeadLetters(request, metadata=ada.pairs)
    again = await stub.ReplayDeadLetters(request, metadata=ada.pairs)
    request.page_token, request.request_id = first.next_page_token, fresh_id()
    second = await stub.ReplayDeadLetters(request, metadata=ada.pairs)

    assert again == first
    assert [one.name for one in (*first.refused, *second.refused)] == names
    assert (first.more, second.more, second.next_page_token) == (True, False, "")
    request.filter.topic, request.request_id = "another", fresh_id()
    other = stub.ReplayDeadLetters(request, metadata=ada.pairs)
    assert await reason_of(other) == "INVALID_PAGE_TOKEN"
