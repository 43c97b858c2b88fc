"""Calls about invocations whose outcome is unknown, and how they look on the screen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from entrypoints.assembly.offline import identifiers
from entrypoints.cli.client import Target, open_client
from entrypoints.cli.screen import Screen, one_line
from entrypoints.cli.turn_view import json_of
from somagent.tools.v1 import tools_pb2 as pb

PAGE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a person found out; `outcome` is succeeded or failed."""

    name: str
    outcome: str
    content: str
    note: str


async def fetch_unknown(target: Target, parent: str) -> Sequence[pb.Invocation]:
    """Raises: CommandFailedError: The server refused, or cannot be reached."""
    calls: list[pb.Invocation] = []
    request = pb.ListInvocationsRequest(
        parent=parent, state=pb.INVOCATION_STATE_UNKNOWN, page_size=PAGE
    )
    async with open_client(target, identifiers()) as client:
        while True:
            page = await client.ask(client.tools.ListInvocations, request)
            calls.extend(page.invocations)
            if not page.next_page_token:
                return calls
            request.page_token = page.next_page_token


async def resolve_call(target: Target, found: Finding) -> pb.Invocation:
    """Raises: CommandFailedError: The server refused, or cannot be reached."""
    async with open_client(target, identifiers()) as client:
        request = pb.ResolveInvocationRequest(
            name=found.name,
            outcome=pb.InvocationOutcome.Value(f"INVOCATION_OUTCOME_{found.outcome.upper()}"),
            content=found.content,
            note=found.note,
            request_id=client.request_id(),
        )
        return (await client.ask(client.tools.ResolveInvocation, request)).invocation


def show_calls(screen: Screen, calls: Sequence[pb.Invocation]) -> None:
    if screen.json:
        screen.emit({"invocations": [json_of(one) for one in calls]})
        return
    if not calls:
        screen.say("none", "green")
    for call in calls:
        asked = call.create_time.ToJsonString()
        screen.say(f"{call.name}  {call.tool}  {asked}  for {one_line(call.subject)}")
        screen.say(f"  {one_line(call.arguments)}", "dim")
        if call.turn:
            screen.say(f"  of {call.turn}", "dim")


def show_resolved(screen: Screen, call: pb.Invocation) -> None:
    if screen.json:
        screen.emit({"invocation": json_of(call)})
        return
    state = pb.InvocationState.Name(call.state).removeprefix("INVOCATION_STATE_").lower()
    screen.say(f"{call.name} {state}", "green")
