"""One client of a laboratory, and what all that it does is made of."""

from dataclasses import dataclass
from typing import Final

from somagent.conversation.v1 import conversation_pb2 as pb
from tests.crash.caller import Caller
from tests.crash.evidence import Asked

CAPSULE: Final = "free"
"""The capsule whose tools run by themselves."""

ASKING: Final = "asking"
"""The capsule whose tools wait for a person, and reach nobody outside."""

CAUTIOUS: Final = "cautious"
"""The capsule whose dangerous tools wait for a person."""


@dataclass(slots=True)
class Actor:
    """A caller with a session of each capsule."""

    caller: Caller
    session: str = ""
    asking: str = ""

    async def open(self) -> None:
        self.session = await self.opened(CAPSULE)
        self.asking = await self.opened(ASKING)

    async def opened(self, capsule: str) -> str:
        """The name of a new session."""
        request = pb.CreateSessionRequest(
            parent=self.caller.parent,
            session=pb.Session(capsule=f"{self.caller.parent}/capsules/{capsule}", max_waiting=8),
            request_id=self.caller.request_id(),
        )
        return (await self.caller.ask(request, pb.CreateSessionResponse)).session.name

    def asked(self, kind: str, session: str = "") -> Asked:
        """A new message of a kind; nobody was sent it yet."""
        return Asked(
            tenant=self.caller.witness.slug,
            session=session or self.session,
            request_id=(request_id := self.caller.request_id()),
            kind=kind,
            ident=request_id,
        )


async def only_listen(_: pb.TurnEvent) -> None:
    """For whoever follows a turn and does nothing besides."""
