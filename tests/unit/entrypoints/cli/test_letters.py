"""What the commands about dead letters ask, and how they go on."""

from google.protobuf.message import Message

from entrypoints.cli.client import Target
from entrypoints.cli.letters import LettersAsked, replay_letters
from somagent.operations.v1 import operations_pb2 as pb
from tests.unit.entrypoints.cli.service import TENANT, Service

FIRST = f"{TENANT}/deadLetters/0198f2a0-0000-7000-8000-000000000001"
SECOND = f"{TENANT}/deadLetters/0198f2a0-0000-7000-8000-000000000002"


async def test_a_letter_that_is_refused_again_does_not_end_a_replay(service: Service) -> None:
    def answer(request: Message) -> Message:
        if isinstance(request, pb.ReplayDeadLettersRequest) and request.page_token:
            return pb.ReplayDeadLettersResponse(dead_letters=[pb.DeadLetter(name=SECOND)])
        return pb.ReplayDeadLettersResponse(
            refused=[pb.RefusedDeadLetter(name=FIRST)],
            more=True,
            next_page_token="next",  # noqa: S106 - it opens nothing
        )

    service.answers["ReplayDeadLettersRequest"] = answer
    target = Target(address=service.address, key="sk_test")

    whole = await replay_letters(target, [], LettersAsked(parent=TENANT), "")

    asked = service.of(pb.ReplayDeadLettersRequest)
    assert [one.page_token for one in asked] == ["", "next"]
    assert len({one.request_id for one in asked}) == len(asked)
    assert [one.name for one in whole.dead_letters] == [SECOND]
    assert [one.name for one in whole.refused] == [FIRST]
