"""The two commits of a turn by themselves: `python -m bench.commits` prints what they cost as JSON.

It opens the database as a server does, by the settings in its environment, and accepts and finishes
turns of one tenant through the journal: no model, no API. What is counted is this process's own
processor time, the writer's and the driver's of PostgreSQL; the commands are made beforehand.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson
import uvloop

from application.conversation.facts import FactHeader, usage_recorded
from application.conversation.holds import turn_holds, turn_uses
from application.conversation.ports.journal import AcceptTurn, FinishTurn
from application.kernel.ports import IdentifierSource
from bench.product import TENANT
from domain.conversation.events import TurnAccepted, TurnCompleted
from domain.conversation.session import Busy, Session
from domain.conversation.turn import TurnOrder, TurnState, Usage
from domain.conversation.turn_event import (
    Accepted,
    Completed,
    Started,
    TextAdded,
    TurnEvent,
    TurnEventBody,
)
from domain.kernel.identifiers import (
    CapsuleVersionId,
    EventId,
    KeyId,
    MessageId,
    RecordId,
    RequestId,
    SessionId,
    TenantId,
    TurnId,
)
from domain.kernel.metering import Metric
from domain.kernel.principal import Principal
from domain.kernel.request_key import RequestKey
from entrypoints.assembly.stores import Stores
from entrypoints.assembly.system import System, this_system
from entrypoints.operator import operators_stores
from entrypoints.settings.environment import environment
from entrypoints.settings.sources import load

MANY: Final = 64
TURNS_OF_MANY: Final = 1024
TURNS_ALONE: Final = 256
WARM_TURNS: Final = 128
USAGE: Final = Usage(prompt_tokens=280, completion_tokens=84, tool_calls=1, api_calls=1)
TEXT: Final = "word " * 64
RECORD: Final = orjson.dumps({"record": "x" * 2500})
TRACE: Final = orjson.dumps({"trace": "x" * 1500})


@dataclass(frozen=True, slots=True)
class Pair:
    """One turn's two commands."""

    accept: AcceptTurn
    finish: FinishTurn


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Makes the commands of turns that end as they should, each in a session of its own."""

    principal: Principal
    capsule_version_id: CapsuleVersionId
    system: System

    async def pairs(self, stores: Stores, number: int) -> list[Pair]:
        return [await self._pair(stores) for _ in range(number)]

    async def _pair(self, stores: Stores) -> Pair:
        ids, now = self.system.identifiers, self.system.clock.now()
        tenant_id, session_id = self.principal.tenant_id, SessionId(ids.next())
        session = Session(
            id=session_id,
            tenant_id=tenant_id,
            capsule="bench",
            subject=self.principal.subject,
            busy=Busy.REFUSE,
            max_waiting=0,
            created_at=now,
        )
        request = RequestKey.of("bench", RequestId(str(ids.next())), "bench", session_id.bytes)
        await stores.sessions.create(session, request)
        turn_id, record_id = TurnId(ids.next()), RecordId(ids.next())

        def header() -> FactHeader:
            return FactHeader(
                id=EventId(ids.next()),
                tenant_id=tenant_id,
                key=session_id,
                occurred_at=now,
                tenant=TENANT,
                session_id=session_id,
                turn_id=turn_id,
            )

        version, subject = self.capsule_version_id, self.principal.subject
        shown: tuple[TurnEventBody, ...] = (
            Accepted(version, queued=False),
            Started("bench-model", "bench", 0, 0),
            TextAdded(TEXT),
            Completed(TEXT, "stop", USAGE, record_id),
        )
        holds = ((Metric.TOKENS, 40_000), (Metric.API_CALLS, 1))
        return Pair(
            accept=AcceptTurn(
                tenant_id=tenant_id,
                session_id=session_id,
                request_id=str(turn_id),
                digest=turn_id.bytes * 2,
                turn_id=turn_id,
                capsule_version_id=version,
                message_id=MessageId(ids.next()),
                order=TurnOrder(principal=self.principal, text="How much is 17.5 * 3?"),
                seconds=60.0,
                last_event=2**63 - 1,  # the sessions are used again and again, and not read
                holds=turn_holds(self.principal, session_id, "bench", holds),
                event=TurnAccepted(**header(), capsule_version_id=version, subject=subject),
            ),
            finish=FinishTurn(
                tenant_id=tenant_id,
                turn_id=turn_id,
                fence=1,
                state=TurnState.COMPLETED,
                message_id=MessageId(ids.next()),
                answer=TEXT,
                failure=None,
                usage=USAGE,
                uses=turn_uses(USAGE),
                events=tuple(
                    TurnEvent(sequence, now, body) for sequence, body in enumerate(shown, 1)
                ),
                made=(),
                record_id=record_id,
                record=RECORD,
                nonce=ids.nonce(),
                trace=TRACE,
                outgoing=(
                    TurnCompleted(
                        **header(), capsule_version_id=version, usage=USAGE, record_id=record_id
                    ),
                    *usage_recorded(header, subject, USAGE),
                ),
            ),
        )


async def measure() -> dict[str, float]:
    """Microseconds of processor time for one turn's accept and finish, alone and among many."""
    system = this_system()
    settings = load(environment(), places=()).settings
    async with operators_stores(settings, lambda _step, _state: None) as stores:
        tenant = await stores.credentials.tenant(TENANT)
        if tenant is None:
            raise SystemExit(f"there is no tenant {TENANT}")
        maker = _maker(tenant.id, system, system.identifiers)
        await _cost(stores, await maker.pairs(stores, WARM_TURNS), MANY)
        return {
            "commits_cpu_us_per_turn_64": await _cost(
                stores, await maker.pairs(stores, TURNS_OF_MANY), MANY
            ),
            "commits_cpu_us_per_turn_1": await _cost(
                stores, await maker.pairs(stores, TURNS_ALONE), 1
            ),
        }


def _maker(tenant_id: TenantId, system: System, ids: IdentifierSource) -> Maker:
    return Maker(
        principal=Principal(
            tenant_id=tenant_id,
            tenant=TENANT,
            subject="keys/bench",
            roles=frozenset({"administrator"}),
            key_id=KeyId(ids.next()),
        ),
        capsule_version_id=CapsuleVersionId(ids.next()),
        system=system,
    )


async def _cost(stores: Stores, pairs: Sequence[Pair], in_flight: int) -> float:
    left = list(pairs)

    async def drive() -> None:
        while left:
            pair = left.pop()
            await stores.journal.accept(pair.accept)
            await stores.journal.finish(pair.finish)

    began = time.process_time()
    await asyncio.gather(*(drive() for _ in range(in_flight)))
    return (time.process_time() - began) * 1e6 / len(pairs)


def main() -> None:
    sys.stdout.buffer.write(orjson.dumps(uvloop.run(measure())))


if __name__ == "__main__":
    main()
