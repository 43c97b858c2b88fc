"""Sessions, and what is said of answers, as clients of the service see them."""

from collections.abc import AsyncGenerator

import pytest

from somagent.conversation.v1 import conversation_pb2 as pb
from tests.builders import TENANT
from tests.inmemory_application import REQUEST
from tests.inmemory_world import World, world
from tests.unit.entrypoints.grpc.conversation_rig import (
    Client,
    client_of,
    message,
)

SECOND = REQUEST[:-1] + "2"


@pytest.fixture
async def shared() -> World:
    return await world()


@pytest.fixture
async def client(shared: World) -> AsyncGenerator[Client]:
    async with client_of(shared) as opened:
        yield opened


async def test_a_session_lives_and_is_deleted(client: Client) -> None:
    asked = pb.CreateSessionRequest(
        parent="tenants/acme",
        session=pb.Session(capsule="tenants/acme/capsules/greeter", max_waiting=3),
        request_id=REQUEST,
    )

    made = (await client.stub.CreateSession(asked, metadata=client.member)).session
    listed = await client.stub.ListSessions(
        pb.ListSessionsRequest(parent="tenants/acme", page_size=1), metadata=client.member
    )
    gone = await client.stub.DeleteSession(
        pb.DeleteSessionRequest(name=made.name, etag=made.etag, request_id=SECOND),
        metadata=client.member,
    )
    read = await client.stub.GetSession(
        pb.GetSessionRequest(name=made.name), metadata=client.member
    )

    assert (made.busy_policy, made.max_waiting, made.subject) == (pb.BUSY_POLICY_QUEUE, 3, "ada")
    assert list(listed.sessions) == [made]
    assert listed.next_page_token
    assert gone.session.HasField("delete_time")
    assert read.session == gone.session
    assert (
        await client.stub.CreateSession(asked, metadata=client.member)
    ).session.name == made.name


async def test_a_word_about_an_answer_is_taken_down(shared: World, client: Client) -> None:
    turn = (await client.said(message()))[0].accepted.turn

    answer = await client.stub.SubmitFeedback(
        pb.SubmitFeedbackRequest(
            turn=turn, rating=pb.RATING_BAD, comment="too short", request_id=SECOND
        ),
        metadata=client.member,
    )

    assert (answer.turn, answer.rating) == (turn, pb.RATING_BAD)
    (kept,) = shared.feedback.said.values()
    assert (kept.tenant_id, kept.comment) == (TENANT, "too short")
