"""One turn on the screen: its events as they come, Ctrl-C cancels it, a second one leaves it."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from entrypoints.cli.client import Client
from entrypoints.cli.failure import CommandFailedError, ExitCode
from entrypoints.cli.following import ConnectionLost, Follower
from entrypoints.cli.screen import Screen
from entrypoints.cli.turn_view import TurnView
from somagent.conversation.v1.conversation_pb2 import (
    CancelTurnRequest,
    ProcessMessageRequest,
    TurnEvent,
)
from somagent.tools.v1.tools_pb2 import ApproveInvocationRequest, RejectInvocationRequest


@dataclass(frozen=True, slots=True)
class Presses:
    """Whether Ctrl-C was pressed once, and whether twice."""

    first: asyncio.Event = field(default_factory=asyncio.Event)
    second: asyncio.Event = field(default_factory=asyncio.Event)

    def press(self) -> None:
        (self.second if self.first.is_set() else self.first).set()


@contextmanager
def listening() -> Generator[Presses]:
    """Ctrl-C presses within the block, instead of the end of the process."""
    presses, loop = Presses(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, presses.press)
    try:
        yield presses
    finally:
        loop.remove_signal_handler(signal.SIGINT)


@dataclass(slots=True)
class Conversation:
    """The turns of one session on one screen."""

    client: Client
    screen: Screen
    session: str
    turn: str = ""
    sequence: int = 0
    """The last turn, and the last of its events that was shown."""

    async def say(self, text: str, presses: Presses) -> TurnView:
        """Send a message and show its turn.

        Raises:
            CommandFailedError: The server refused, cannot be reached, or the turn was left.
        """
        request = ProcessMessageRequest(
            session=self.session, text=text, request_id=self.client.request_id()
        )
        follower = Follower(self.client, asyncio.sleep)
        return await self._show(follower, follower.send(request), presses)

    async def decide(self, invocation: str, *, approved: bool) -> None:
        """Say yes or no to a call that waits for a person.

        Raises:
            CommandFailedError: The server refused, or cannot be reached.
        """
        tools, request_id = self.client.tools, self.client.request_id()
        if approved:
            yes = ApproveInvocationRequest(name=invocation, request_id=request_id)
            await self.client.ask(tools.ApproveInvocation, yes)
        else:
            no = RejectInvocationRequest(name=invocation, request_id=request_id)
            await self.client.ask(tools.RejectInvocation, no)

    async def go_on(self, presses: Presses) -> TurnView:
        """Show what follows the event that was shown last.

        Raises:
            CommandFailedError: The server refused, cannot be reached, or the turn was left.
        """
        follower = Follower(self.client, asyncio.sleep)
        return await self._show(follower, follower.watch(self.turn, self.sequence), presses)

    async def _show(
        self,
        follower: Follower,
        events: AsyncGenerator[TurnEvent | ConnectionLost],
        presses: Presses,
    ) -> TurnView:
        view, accepted = TurnView(self.screen), asyncio.Event()

        async def read() -> None:
            async for event in events:
                view.show(event)
                if follower.turn:
                    self.turn, self.sequence = follower.turn, follower.sequence
                    accepted.set()

        reading = asyncio.create_task(read())
        leaving = asyncio.create_task(presses.second.wait())
        cancelling = asyncio.create_task(self._cancel_when_pressed(presses, accepted))
        try:
            await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                raise CommandFailedError("left the turn to itself", code=ExitCode.INTERRUPTED)
            await reading
        finally:
            for task in (reading, leaving, cancelling):
                task.cancel()
            await asyncio.gather(reading, leaving, cancelling, return_exceptions=True)
        return view

    async def _cancel_when_pressed(self, presses: Presses, accepted: asyncio.Event) -> None:
        await presses.first.wait()
        self.screen.note("cancelling the turn; Ctrl-C again leaves it to itself")
        await accepted.wait()
        request = CancelTurnRequest(name=self.turn, request_id=self.client.request_id())
        # One that has ended meanwhile needs no cancelling; its end is on the screen.
        with suppress(CommandFailedError):
            await self.client.ask(self.client.conversation.CancelTurn, request)
