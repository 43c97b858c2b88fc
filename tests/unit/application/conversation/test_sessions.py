"""Sessions are opened once, on the capsule's terms, and take no more messages once deleted."""

from asyncio import Event

import pytest

from application.conversation.delete_session import DeleteSession, DeleteSessionCommand
from application.conversation.open_session import OpenSession, OpenSessionCommand
from application.conversation.read_conversation import (
    ListSessions,
    ListSessionsQuery,
    ListTurns,
    ListTurnsQuery,
    ReadSession,
    ReadSessionQuery,
)
from domain.budget.errors import BudgetExhaustedError
from domain.capsule.errors import CapsuleNotFoundError
from domain.conversation.errors import SessionBusyError, SessionNotFoundError
from domain.conversation.session import Busy, Session
from domain.kernel.errors import EtagMismatchError, IdempotencyKeyReusedError
from domain.kernel.identifiers import RequestId, SessionId
from domain.kernel.metering import Metric
from tests.builders import OTHER_TENANT, SESSION, TENANT, principal
from tests.inmemory_application import REQUEST, Server
from tests.inmemory_world import World, manifest


async def opened(
    shared: World,
    request_id: str = REQUEST,
    *,
    capsule: str = "greeter",
    busy: Busy | None = None,
    max_waiting: int | None = None,
) -> Session:
    open_session = OpenSession(
        load_capsule=Server(world=shared).load_capsule,
        sessions=shared.sessions,
        canonical=shared.canonical,
        clock=shared.clock,
        identifiers=shared.identifiers,
    )
    return await open_session(
        OpenSessionCommand(
            principal=principal(),
            tenant_id=TENANT,
            capsule=capsule,
            request_id=RequestId(request_id),
            busy=busy,
            max_waiting=max_waiting,
        )
    )


async def deleted(
    shared: World, session_id: SessionId, *, etag: str = "", request_id: str = REQUEST
) -> Session:
    delete = DeleteSession(sessions=shared.sessions, clock=shared.times)
    return await delete(
        DeleteSessionCommand(
            principal=principal(),
            tenant_id=TENANT,
            session_id=session_id,
            request_id=RequestId(request_id),
            etag=etag,
        )
    )


async def test_a_session_has_its_capsule_s_terms(shared: World) -> None:
    session = await opened(shared)

    assert (session.capsule, session.subject) == ("greeter", "ada")
    assert (session.busy, session.max_waiting) == (Busy.QUEUE, 8)


@pytest.mark.parametrize(
    ("busy", "max_waiting", "terms"),
    [
        (None, 3, (Busy.QUEUE, 3)),
        (None, 0, (Busy.REFUSE, 0)),
        (Busy.REFUSE, None, (Busy.REFUSE, 0)),
        (Busy.REFUSE, 5, (Busy.REFUSE, 0)),
        (Busy.QUEUE, None, (Busy.QUEUE, 8)),
        (Busy.QUEUE, 0, (Busy.REFUSE, 0)),
    ],
)
async def test_the_client_s_terms_go_before_the_capsule_s(
    shared: World, busy: Busy | None, max_waiting: int | None, terms: tuple[Busy, int]
) -> None:
    session = await opened(shared, busy=busy, max_waiting=max_waiting)

    assert (session.busy, session.max_waiting) == terms


async def test_a_capsule_may_refuse_while_it_is_busy(shared: World) -> None:
    shared.install(manifest(session={"busy": "refuse"}))

    assert (await opened(shared)).busy is Busy.REFUSE
    assert (await opened(shared, "2", max_waiting=4)).max_waiting == 4


async def test_the_same_request_opens_one_session(shared: World) -> None:
    first = await opened(shared)

    assert await opened(shared) == first
    with pytest.raises(IdempotencyKeyReusedError):
        await opened(shared, max_waiting=5)


async def test_no_session_is_opened_with_a_capsule_that_is_not_there(shared: World) -> None:
    with pytest.raises(CapsuleNotFoundError):
        await opened(shared, capsule="nobody")


async def test_a_tenant_has_no_more_open_sessions_than_it_may(shared: World) -> None:
    await shared.limit(Metric.SESSIONS, 1)
    first = await opened(shared, "1")
    with pytest.raises(BudgetExhaustedError):
        await opened(shared, "2")

    await deleted(shared, first.id)

    assert (await opened(shared, "3")).id != first.id


async def test_a_deleted_session_takes_no_more_messages_and_can_be_read(shared: World) -> None:
    server = Server(world=shared)
    turn = await server.answered()

    gone = await deleted(shared, SESSION)

    assert gone.deleted_at == shared.clock.now()
    with pytest.raises(SessionNotFoundError):
        await server.say("2", request_id="2")
    read = ReadSession(sessions=shared.sessions)
    assert await read(ReadSessionQuery(tenant_id=TENANT, session_id=SESSION)) == gone
    turns = ListTurns(sessions=shared.sessions, reader=shared.reader)
    assert await turns(ListTurnsQuery(tenant_id=TENANT, session_id=SESSION, limit=5)) == [turn]


async def test_a_session_with_an_open_turn_is_not_deleted(shared: World) -> None:
    shared.model.will_say([Event()])
    await Server(world=shared).say()

    with pytest.raises(SessionBusyError):
        await deleted(shared, SESSION)


async def test_a_session_that_changed_since_it_was_read_is_not_deleted(shared: World) -> None:
    with pytest.raises(EtagMismatchError):
        await deleted(shared, SESSION, etag="9")

    session = await shared.sessions.session(TENANT, SESSION)
    assert (await deleted(shared, SESSION, etag=session.etag)).etag != session.etag


async def test_deleting_again_changes_nothing(shared: World) -> None:
    first = await deleted(shared, SESSION)
    shared.clock.advance(60)

    assert await deleted(shared, SESSION) == first
    assert await deleted(shared, SESSION, request_id="another") == first


async def test_sessions_are_listed_newest_first_page_by_page(shared: World) -> None:
    made = [await opened(shared, f"{place}") for place in range(5)]
    await deleted(shared, made[2].id)
    list_sessions = ListSessions(sessions=shared.sessions)

    page = await list_sessions(ListSessionsQuery(tenant_id=TENANT, limit=3))
    rest = await list_sessions(
        ListSessionsQuery(tenant_id=TENANT, limit=3, after=page[-1].id, deleted=True)
    )

    assert [one.id for one in page] == [made[4].id, made[3].id, made[1].id]
    assert [one.id for one in rest] == [made[0].id, SESSION]
    assert await list_sessions(ListSessionsQuery(tenant_id=OTHER_TENANT, limit=3)) == []


async def test_turns_are_listed_newest_first_page_by_page(shared: World) -> None:
    server = Server(world=shared)
    made = [await server.answered(f"{place}", request_id=f"{place}") for place in range(3)]
    list_turns = ListTurns(sessions=shared.sessions, reader=shared.reader)

    page = await list_turns(ListTurnsQuery(tenant_id=TENANT, session_id=SESSION, limit=2))
    rest = await list_turns(
        ListTurnsQuery(tenant_id=TENANT, session_id=SESSION, limit=2, after=page[-1].id)
    )

    assert [*page, *rest] == made[::-1]
    with pytest.raises(SessionNotFoundError):
        await list_turns(ListTurnsQuery(tenant_id=OTHER_TENANT, session_id=SESSION, limit=2))
