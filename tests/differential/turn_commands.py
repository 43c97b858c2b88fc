"""The commands about turns that generated steps mean."""

from collections.abc import Awaitable, Sequence
from typing import TypeAlias

from application.conversation.ports.journal import AcceptTurn, ExtendTurn, FinishTurn
from domain.conversation.turn import TurnState
from domain.tools.invocation import InvocationState
from tests.contract.commands import shown
from tests.contract.kernel import Server
from tests.differential import steps as do
from tests.differential.world import World, holds_of, uses_of

TurnCommand: TypeAlias = AcceptTurn | ExtendTurn | FinishTurn


def send(server: Server, command: TurnCommand) -> Awaitable[object]:
    match command:
        case AcceptTurn():
            return server.journal.accept(command)
        case ExtendTurn():
            return server.journal.extend(command)
        case FinishTurn():
            return server.journal.finish(command)


def turn_command(step: do.Accept | do.Extend | do.Finish, world: World) -> TurnCommand:
    match step:
        case do.Accept():
            return accept(step, world)
        case do.Extend():
            return extend(step, world)
        case do.Finish():
            return finish(step, world)


def accept(step: do.Accept, world: World) -> AcceptTurn:
    ask = world.seats[step.tenant][step.session]
    command = ask.accept(
        *holds_of(ask, step.holds),
        request_id=None if step.request is None else f"request {step.request}",
        digest=b"other" if step.digest else b"content",
        last_event=step.last_event,
    )
    world.turns.append((ask, command.turn_id))
    return command


def extend(step: do.Extend, world: World) -> ExtendTurn:
    ask, turn_id, turn = world.turn(step.turn, TurnState.RUNNING)
    return ask.extend(
        turn_id,
        *holds_of(ask, step.holds),
        fence=max(0, turn.fence + step.fence),
        round=turn.round + 1 + step.round,
        started=world.new_calls(ask, turn_id, step.calls, InvocationState.STARTED),
    )


def finish(step: do.Finish, world: World) -> FinishTurn:
    ask, turn_id, turn = world.turn(step.turn, TurnState.RUNNING)
    first = turn.written + 1
    return ask.finish(
        turn_id,
        *uses_of(step.uses),
        fence=max(0, turn.fence + step.fence),
        state=step.state,
        events=shown(*range(first, first + step.events)),
        outgoing=step.events,
    )


def together(step: do.Together, world: World) -> Sequence[TurnCommand]:
    """Commands of distinct turns, at most one end a session: their order is the batch's own."""
    made: list[TurnCommand] = []
    taken = set[object]()
    for part in step.steps:
        command = turn_command(part, world)
        names: set[object] = {command.turn_id}
        if isinstance(command, FinishTurn):
            names.add(world.session_of(command.turn_id))
        if not names & taken:
            made.append(command)
            taken |= names
    return made


def in_order_of_a_batch(commands: Sequence[TurnCommand]) -> Sequence[tuple[int, TurnCommand]]:
    """Ends first, then rounds, then acceptances; with the place that each had."""
    kinds = (FinishTurn, ExtendTurn, AcceptTurn)
    return sorted(enumerate(commands), key=lambda placed: kinds.index(type(placed[1])))
