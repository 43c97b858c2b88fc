"""Messages of all kinds, and what clients do about the turns that answer them."""

import asyncio
from dataclasses import replace

from somagent.conversation.v1 import conversation_pb2 as pb
from tests.crash.acting.actor import CAPSULE, CAUTIOUS, Actor, only_listen
from tests.crash.acting.tools import decided
from tests.crash.caller import Caller
from tests.crash.evidence import Asked, kind_of
from tests.crash.script import CANARY


async def plain(actor: Actor) -> None:
    await actor.caller.say(actor.asked("plain"), only_listen)


async def slow(actor: Actor) -> None:
    await actor.caller.say(actor.asked("slow"), only_listen)


async def watched(actor: Actor) -> None:
    """A long answer that runs elsewhere, and is watched from here besides."""
    await _watched(actor, by=actor.caller.elsewhere(), watcher=actor.caller)


async def overheard(actor: Actor) -> None:
    """A long answer that runs here, and is watched from elsewhere besides."""
    await _watched(actor, by=actor.caller, watcher=actor.caller.elsewhere())


async def _watched(actor: Actor, *, by: Caller, watcher: Caller) -> None:
    asked, watching = actor.asked("slow"), list[asyncio.Task[None]]()
    again = replace(asked, turns=set(), heard=[])

    async def watch(event: pb.TurnEvent) -> None:
        if kind_of(event) == "text" and not watching:
            again.turns |= asked.turns
            watching.append(asyncio.create_task(watcher.say(again, only_listen)))

    await by.say(asked, watch)
    await asyncio.gather(*watching)


async def tool(actor: Actor) -> None:
    await actor.caller.say(actor.asked("tool"), only_listen)


async def tools(actor: Actor) -> None:
    await actor.caller.say(actor.asked("tools"), only_listen)


async def cancelled(actor: Actor) -> None:
    """A turn that runs elsewhere, and is cancelled from here."""
    asked = actor.asked("slow")
    asked.cancels = True
    request = pb.CancelTurnRequest(request_id=actor.caller.request_id())

    async def cancel(event: pb.TurnEvent) -> None:
        if kind_of(event) == "text" and not request.name:
            request.name = asked.turn
            await _cancel(actor, asked, request)

    await actor.caller.elsewhere().say(asked, cancel)


async def _cancel(actor: Actor, asked: Asked, request: pb.CancelTurnRequest) -> None:
    """Have a turn cancelled, and keep what was answered.

    Raises:
        RefusedError: It was refused, with a reason.
        NotServedError: Nobody answered.
    """
    answer = await actor.caller.ask(request, pb.CancelTurnResponse)
    asked.cancelled = pb.TurnState.Name(answer.turn.state).removeprefix("TURN_STATE_")


async def approved(actor: Actor) -> None:
    """A turn that waits for a person, who says yes or, now and then, no."""
    asked = actor.asked("tool", actor.asking)
    asked.rejects = actor.caller.chance.random() < 0.25
    await _decided(actor, asked)


async def contested(actor: Actor) -> None:
    """A turn that waits for a person, who says yes in the moment in which it is cancelled."""
    asked = actor.asked("tool", actor.asking)
    asked.cancels = True

    async def decide(event: pb.TurnEvent) -> None:
        if kind_of(event) == "paused":
            cancel = pb.CancelTurnRequest(name=asked.turn, request_id=actor.caller.request_id())
            await asyncio.gather(
                _cancel(actor, asked, cancel),
                *(decided(actor, name, approves=True) for name in event.paused.invocations),
                return_exceptions=True,
            )

    await actor.caller.say(asked, decide)


async def endorsed(actor: Actor) -> None:
    """A turn that waits for a person twice, who says yes: its tool knows when it is called."""
    await _decided(actor, actor.asked("stamp", await actor.opened(CAUTIOUS)))


async def _decided(actor: Actor, asked: Asked) -> None:
    async def decide(event: pb.TurnEvent) -> None:
        if kind_of(event) == "paused":
            for name in event.paused.invocations:
                await decided(actor, name, approves=not asked.rejects)

    await actor.caller.say(asked, decide)


async def queued(actor: Actor) -> None:
    """Three messages at once in one session: each waits for the one before."""
    said = [actor.asked(kind) for kind in ("slow", "plain", "plain")]
    await asyncio.gather(*(actor.caller.say(one, only_listen) for one in said))


async def stamped(actor: Actor) -> None:
    await actor.caller.say(actor.asked("stamp"), only_listen)


async def posted(actor: Actor) -> None:
    await actor.caller.say(actor.asked("post"), only_listen)


async def fired(actor: Actor) -> None:
    await actor.caller.say(actor.asked("fire"), only_listen)


async def short_session(actor: Actor) -> None:
    session = await actor.opened(CAPSULE)
    await actor.caller.say(actor.asked("plain", session), only_listen)
    request = pb.DeleteSessionRequest(name=session, request_id=actor.caller.request_id())
    await actor.caller.ask(request, pb.DeleteSessionResponse)


async def rated(actor: Actor) -> None:
    asked = actor.asked("plain")
    await actor.caller.say(asked, only_listen)
    if asked.last == "completed":
        request = pb.SubmitFeedbackRequest(
            turn=asked.turn,
            rating=pb.RATING_GOOD,
            comment=CANARY,
            request_id=actor.caller.request_id(),
        )
        await actor.caller.ask(request, pb.SubmitFeedbackResponse)
