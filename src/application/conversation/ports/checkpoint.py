"""What a turn has done, as it is kept with its commits: enough for any server to go on with it."""

from dataclasses import dataclass, field

from domain.authorization.decision import Decision
from domain.conversation.message import Message
from domain.conversation.phase import Attempt, LaneUse, PhaseTime
from domain.conversation.turn import Usage
from domain.kernel.identifiers import InvocationId
from domain.memory.recollection import Recollection


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A turn as of its last round or pause.

    `messages` follow the user's: the assistant's, each of which asked for tools, and what the tools
    answered. The last asks for the tools of the round at hand; `calls` name their invocations by
    the provider's ids of the calls, where the calls have no rows of their own. `round` is the last
    round that was committed. `prompt_tokens` counts the prompt up to and with the messages, 0 where
    that is not known.

    `billed` are those calls of the round at hand that are counted in `usage` already. `text` is the
    part of the answer at hand that stands, where one was interrupted; `lost_tokens` are those of
    `usage` that went with lost servers, and do not count against what the turn may use. The rest is
    what the turn's record and trace are made of. `elapsed_us` are the microseconds that
    servers have worked on it.
    """

    messages: tuple[Message, ...] = ()
    calls: tuple[tuple[str, InvocationId], ...] = ()
    round: int = 0
    prompt_tokens: int = 0
    billed: tuple[InvocationId, ...] = ()
    text: str = ""
    lost_tokens: int = 0
    usage: Usage = field(default_factory=Usage)
    elapsed_us: int = 0
    times: tuple[PhaseTime, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    lanes: tuple[LaneUse, ...] = ()
    memories: tuple[Recollection, ...] = ()
    memory_tokens: tuple[int, ...] = ()
    decisions: tuple[tuple[str, Decision], ...] = ()
    degraded: tuple[tuple[str, str], ...] = ()
