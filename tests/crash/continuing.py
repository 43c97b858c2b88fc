"""An answer that breaks off with its server, and that another one goes on with."""

import asyncio
from dataclasses import replace
from random import Random
from typing import Final

from somagent.conversation.v1 import conversation_pb2 as pb
from tests.crash.acting.actor import CAPSULE, Actor
from tests.crash.caller import Caller
from tests.crash.evidence import Asked, kind_of
from tests.crash.laboratory import Laboratory

TRIES: Final = 3
"""A client may not reach the place that it asks; then that server has nothing to lose."""


async def continue_one(lab: Laboratory, place: int) -> bool:
    """Kill the server at a place in the middle of an answer that nobody else would end.

    Whether the model was asked to go on with what was written, and its client was answered whole.
    """
    for _ in range(TRIES):
        asked = await _broken_off(lab, place)
        if asked.last == "completed" and asked.ident in lab.model.continued:
            return True
    return False


async def _broken_off(lab: Laboratory, place: int) -> Asked:
    """A message of a tenant whose answers are continued, and the death of whoever answers it.

    It is watched from elsewhere: there text is seen that is written down.
    """
    evidence = lab.evidence[-1]
    chance = Random(lab.chance.random())  # noqa: S311 - to be replayed
    here = Caller(evidence.tenants[0], evidence, chance, at=place)
    actor, elsewhere = Actor(here), here.elsewhere()
    asked = actor.asked("halt", await actor.opened(CAPSULE))
    again, watching = replace(asked, turns=set(), heard=[]), list[asyncio.Task[None]]()

    async def strike(event: pb.TurnEvent) -> None:
        service = lab.fleet.places[place].service
        if kind_of(event) == "text" and asked.ident not in lab.model.continued and service:
            lab.fleet.strike(service)

    async def watch(event: pb.TurnEvent) -> None:
        if kind_of(event) == "text" and not watching:
            again.turns |= asked.turns
            watching.append(asyncio.create_task(elsewhere.say(again, strike)))

    await here.say(asked, watch)
    await asyncio.gather(*watching)
    return asked
