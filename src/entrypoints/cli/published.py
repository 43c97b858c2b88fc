"""Calls about published events."""

from entrypoints.assembly.offline import identifiers
from entrypoints.cli.client import Target, open_client
from somagent.operations.v1.operations_pb2 import ReplayEventsRequest


async def replay_events(target: Target, asked: ReplayEventsRequest) -> tuple[int, int]:
    """Replay all that match, page by page; how many were published, and how many left out.

    Raises:
        CommandFailedError: The server refused, or cannot be reached.
    """
    count = refused = 0
    async with open_client(target, identifiers()) as client:
        while True:
            asked.request_id = client.request_id()
            answer = await client.ask(client.operations.ReplayEvents, asked)
            count += answer.replayed_events
            refused += answer.refused_events
            if not answer.next_page_token:
                return count, refused
            asked.page_token = answer.next_page_token
