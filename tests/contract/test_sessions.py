"""What every store of sessions, and of what is said of answers, must honour."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from adapters.inmemory.feedback import InMemoryFeedback
from adapters.inmemory.sessions import InMemorySessions
from adapters.postgres.database import DatabaseSettings, open_database
from adapters.postgres.feedback import PostgresFeedback
from adapters.postgres.sessions import PostgresSessions
from application.budget.ports import Limit
from application.conversation.ports.sessions import FeedbackStore, SessionStore
from domain.budget.errors import BudgetExhaustedError
from domain.conversation.errors import (
    SessionBusyError,
    SessionNotFoundError,
    TurnNotFoundError,
)
from domain.conversation.feedback import Feedback, Rating
from domain.conversation.message import Role
from domain.conversation.session import Session
from domain.conversation.turn import TurnState
from domain.kernel.errors import EtagMismatchError, IdempotencyKeyReusedError
from domain.kernel.identifiers import RequestId, SessionId, TenantId, TurnId
from domain.kernel.metering import Metric
from domain.kernel.request_key import RequestKey
from tests.builders import OTHER_TENANT, TURN
from tests.contract.commands import Commands
from tests.contract.inmemory_kernel import InMemoryAdministrator, inmemory_kernel
from tests.contract.kernel import Kernel
from tests.contract.postgres_kernel import postgres_kernel
from tests.fakes import NOON


@dataclass(frozen=True, slots=True)
class Place:
    """A tenant without sessions, and where its sessions are kept."""

    kernel: Kernel
    sessions: SessionStore
    feedback: FeedbackStore
    ask: Commands

    def session(self, *, max_waiting: int = 2) -> Session:
        made = self.ask.in_session(SessionId(self.ask.identifiers.next()))
        return made.session(max_waiting=max_waiting)

    async def opened(self) -> Session:
        session = self.session()
        return await self.sessions.create(session, asked("Create", str(session.id)))

    async def answered(self, session: Session, text: str = "Hello") -> TurnId:
        ask = self.ask.in_session(session.id)
        turn_id = (await self.kernel.one.journal.accept(ask.accept(text=text))).turn_id
        await self.kernel.one.journal.finish(ask.finish(turn_id))
        return turn_id


def asked(method: str, request_id: str = "1", content: bytes = b"") -> RequestKey:
    return RequestKey.of(method, RequestId(request_id), "ada", content)


@pytest.fixture
async def place(storage: DatabaseSettings | None, ask: Commands) -> AsyncGenerator[Place]:
    if storage is None:
        kernel = inmemory_kernel()
        administrator = kernel.administrator
        assert isinstance(administrator, InMemoryAdministrator)
        store, clock = administrator.store, administrator.clock
        sessions = InMemorySessions(store=store, clock=clock)
        await administrator.open_tenant(ask.tenant_id)
        yield Place(kernel, sessions, InMemoryFeedback(store=store), ask)
        return
    async with open_database(storage) as database, postgres_kernel(database) as kernel:
        await kernel.administrator.open_tenant(ask.tenant_id)
        yield Place(kernel, PostgresSessions(database), PostgresFeedback(database), ask)


async def test_a_session_is_read_back_as_it_was_opened(place: Place) -> None:
    session = await place.opened()

    assert await place.sessions.session(session.tenant_id, session.id) == session


async def test_the_same_request_opens_one_session(place: Place) -> None:
    session = place.session()
    first = await place.sessions.create(session, asked("Create"))

    again = await place.sessions.create(place.session(), asked("Create"))

    assert again == first == session
    with pytest.raises(IdempotencyKeyReusedError):
        await place.sessions.create(place.session(), asked("Create", content=b"other"))


async def test_open_sessions_are_a_level_of_the_tenant_s_account(place: Place) -> None:
    limit = Limit(place.ask.account, Metric.SESSIONS, 2)
    await place.kernel.budgets.set_limit(
        place.ask.tenant_id, limit, etag="", request=place.ask.request()
    )
    first, _ = await place.opened(), await place.opened()

    with pytest.raises(BudgetExhaustedError) as refusal:
        await place.opened()
    assert (refusal.value.facts["asked"], refusal.value.facts["remaining"]) == ("1", "0")

    await place.sessions.delete(
        first.tenant_id, first.id, etag="", at=NOON, request=asked("Delete")
    )
    await place.opened()
    (level,) = [
        usage.balance.spent
        for usage in await place.kernel.budgets.usage(
            place.ask.tenant_id, place.ask.account_id(), None
        )
        if usage.metric is Metric.SESSIONS
    ]
    assert level == 2


async def test_a_deleted_session_can_be_read_and_takes_no_messages(place: Place) -> None:
    session = await place.opened()

    gone = await place.sessions.delete(
        session.tenant_id, session.id, etag=session.etag, at=NOON, request=asked("Delete")
    )

    assert gone == replace(session, deleted_at=NOON)
    assert await place.sessions.session(session.tenant_id, session.id) == gone
    with pytest.raises(SessionNotFoundError):
        await place.kernel.one.journal.accept(place.ask.in_session(session.id).accept())
    with pytest.raises(SessionNotFoundError):
        await place.kernel.reader.opening(session.tenant_id, session.id, 5)


async def test_deleting_again_changes_nothing(place: Place) -> None:
    session = await place.opened()

    async def deleted(request: RequestKey, minutes: int = 0) -> Session:
        at = NOON + timedelta(minutes=minutes)
        return await place.sessions.delete(
            session.tenant_id, session.id, etag=session.etag, at=at, request=request
        )

    first = await deleted(asked("Delete"))

    assert await deleted(asked("Delete"), 1) == first
    assert await deleted(asked("Delete", "2"), 2) == first
    with pytest.raises(IdempotencyKeyReusedError):
        await deleted(asked("Delete", content=b"other"))


async def test_a_session_is_not_deleted_under_another_etag(place: Place) -> None:
    session = await place.opened()

    with pytest.raises(EtagMismatchError):
        await place.sessions.delete(
            session.tenant_id, session.id, etag="9", at=NOON, request=asked("Delete")
        )

    assert await place.sessions.session(session.tenant_id, session.id) == session


async def test_a_session_with_an_open_turn_is_not_deleted(place: Place) -> None:
    session = await place.opened()
    await place.kernel.one.journal.accept(place.ask.in_session(session.id).accept())

    with pytest.raises(SessionBusyError):
        await place.sessions.delete(
            session.tenant_id, session.id, etag="", at=NOON, request=asked("Delete")
        )


@pytest.mark.parametrize("tenant_id", [None, OTHER_TENANT])
async def test_a_session_that_is_not_there_is_not_found(
    place: Place, tenant_id: TenantId | None
) -> None:
    session = await place.opened()
    owner = tenant_id or session.tenant_id
    missing = session.id if tenant_id else SessionId(TURN)

    with pytest.raises(SessionNotFoundError):
        await place.sessions.session(owner, missing)
    with pytest.raises(SessionNotFoundError):
        await place.sessions.delete(owner, missing, etag="", at=NOON, request=asked("Delete"))


async def test_sessions_are_listed_newest_first_page_by_page(place: Place) -> None:
    made = [await place.opened() for _ in range(4)]
    await place.sessions.delete(
        made[1].tenant_id, made[1].id, etag="", at=NOON, request=asked("Delete")
    )
    tenant_id = place.ask.tenant_id

    page = await place.sessions.sessions(tenant_id, deleted=False, after=None, limit=2)
    rest = await place.sessions.sessions(tenant_id, deleted=False, after=page[-1].id, limit=2)
    everything = await place.sessions.sessions(tenant_id, deleted=True, after=None, limit=9)

    assert [one.id for one in (*page, *rest)] == [made[3].id, made[2].id, made[0].id]
    assert [one.id for one in everything] == [one.id for one in reversed(made)]
    assert await place.sessions.sessions(OTHER_TENANT, deleted=True, after=None, limit=9) == []


async def test_history_is_told_turn_after_turn(place: Place) -> None:
    session = await place.opened()
    ask, journal = place.ask.in_session(session.id), place.kernel.one.journal
    first = (await journal.accept(ask.accept(text="One?"))).turn_id
    second = (await journal.accept(ask.accept(text="Two?"))).turn_id
    await journal.finish(replace(ask.finish(first), answer="One."))
    await journal.finish(replace(ask.finish(second), answer="Two."))

    opening = await place.kernel.reader.opening(session.tenant_id, session.id, 3)

    assert [(one.role, one.text) for one in opening.history] == [
        (Role.ASSISTANT, "One."), (Role.USER, "Two?"), (Role.ASSISTANT, "Two."),
    ]  # fmt: skip
    turn = await place.kernel.reader.turn(session.tenant_id, second)
    assert turn.state is TurnState.COMPLETED


async def test_an_accepted_request_is_known_by_its_id(place: Place) -> None:
    session = await place.opened()
    command = place.ask.in_session(session.id).accept(request_id="one")
    await place.kernel.one.journal.accept(command)
    reader, tenant_id = place.kernel.reader, session.tenant_id

    known = await reader.accepted(tenant_id, session.id, "one")

    assert known == (command.turn_id, command.digest)
    assert await reader.accepted(tenant_id, session.id, "two") is None
    assert await reader.accepted(OTHER_TENANT, session.id, "one") is None


def word(
    place: Place, turn_id: TurnId, rating: Rating = Rating.GOOD, comment: str = "fine"
) -> Feedback:
    return Feedback(
        tenant_id=place.ask.tenant_id,
        turn_id=turn_id,
        subject="ada",
        rating=rating,
        comment=comment,
        created_at=NOON,
    )


async def test_what_is_said_of_an_answer_is_taken_down_once(place: Place) -> None:
    turn_id = await place.answered(await place.opened())
    first = await place.feedback.submit(word(place, turn_id), asked("Feedback"))
    later = replace(word(place, turn_id), created_at=NOON + timedelta(minutes=1))

    assert first == word(place, turn_id)
    assert await place.feedback.submit(later, asked("Feedback")) == first
    assert await place.feedback.submit(later, asked("Feedback", "2")) == later
    with pytest.raises(IdempotencyKeyReusedError):
        await place.feedback.submit(
            word(place, turn_id, Rating.BAD), asked("Feedback", content=b"other")
        )


async def test_nothing_is_said_of_a_turn_that_is_not_there(place: Place) -> None:
    with pytest.raises(TurnNotFoundError):
        await place.feedback.submit(word(place, TURN), asked("Feedback"))

    turn_id = await place.answered(await place.opened())
    said = await place.feedback.submit(word(place, turn_id), asked("Feedback"))

    assert said == word(place, turn_id)
