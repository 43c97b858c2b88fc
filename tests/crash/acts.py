"""What one client does, again and again, while servers die around it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from somagent.budget.v1 import budget_pb2
from somagent.conversation.v1 import conversation_pb2 as pb
from somagent.provenance.v1 import provenance_pb2
from somagent.tools.v1 import tools_pb2
from tests.crash.caller import Caller, NotServedError
from tests.crash.evidence import Asked, Called, kind_of
from tests.crash.script import CANARY, NOTE, deed_of
from tests.crash.tool_server import CUT, FIRE, POST, STAMP
from tests.system.client import RefusedError

CAPSULE: Final = "free"
"""The capsule whose tools run by themselves."""

ASKING: Final = "asking"
"""The capsule whose tools wait for a person."""


@dataclass(slots=True)
class Acts:
    """One client with a session of each capsule."""

    caller: Caller
    session: str = ""
    asking: str = ""
    _number: int = field(default=0, init=False)

    async def open(self) -> None:
        self.session = await self._opened(CAPSULE)
        self.asking = await self._opened(ASKING)

    async def _opened(self, capsule: str) -> str:
        request = pb.CreateSessionRequest(
            parent=self.caller.parent,
            session=pb.Session(capsule=f"{self.caller.parent}/capsules/{capsule}", max_waiting=8),
            request_id=self.caller.request_id(),
        )
        return (await self.caller.ask(request, pb.CreateSessionResponse)).session.name

    def _asked(self, kind: str, session: str = "") -> Asked:
        return Asked(
            tenant=self.caller.witness.slug,
            session=session or self.session,
            request_id=(request_id := self.caller.request_id()),
            kind=kind,
            ident=request_id,
        )

    async def do(self, act: str) -> None:
        """Do one thing; a refusal, and a service that does not answer, are in the evidence."""
        try:
            await ACTS[act](self)
        except (RefusedError, NotServedError):
            return

    async def plain(self) -> None:
        await self.caller.say(self._asked("plain"), _nothing)

    async def slow(self) -> None:
        await self.caller.say(self._asked("slow"), _nothing)

    async def watched(self) -> None:
        """A long answer, and somebody who watches it besides, from wherever."""
        asked, watching = self._asked("slow"), list[asyncio.Task[None]]()
        watcher = replace(asked, turns=set(), heard=[])

        async def watch(event: pb.TurnEvent) -> None:
            if kind_of(event) == "text" and not watching:
                watcher.turns |= asked.turns
                watching.append(asyncio.create_task(self.caller.say(watcher, _nothing)))

        await self.caller.say(asked, watch)
        await asyncio.gather(*watching)

    async def tool(self) -> None:
        await self.caller.say(self._asked("tool"), _nothing)

    async def tools(self) -> None:
        await self.caller.say(self._asked("tools"), _nothing)

    async def cancelled(self) -> None:
        asked = self._asked("slow")
        asked.cancels = True
        request = pb.CancelTurnRequest(request_id=self.caller.request_id())

        async def cancel(event: pb.TurnEvent) -> None:
            if kind_of(event) == "text" and not request.name:
                request.name = asked.turn
                await self.caller.ask(request, pb.CancelTurnResponse)

        await self.caller.say(asked, cancel)

    async def approved(self) -> None:
        """A turn that waits for a person, who says yes or, now and then, no."""
        asked = self._asked("tool", self.asking)
        asked.rejects = self.caller.chance.random() < 0.25

        async def decide(event: pb.TurnEvent) -> None:
            if kind_of(event) == "paused":
                for name in event.paused.invocations:
                    await self._decide(name, approves=not asked.rejects)

        await self.caller.say(asked, decide)

    async def _decide(self, name: str, *, approves: bool) -> None:
        request_id = self.caller.request_id()
        if approves:
            yes = tools_pb2.ApproveInvocationRequest(name=name, request_id=request_id)
            await self.caller.ask(yes, tools_pb2.ApproveInvocationResponse)
        else:
            no = tools_pb2.RejectInvocationRequest(name=name, request_id=request_id)
            await self.caller.ask(no, tools_pb2.RejectInvocationResponse)

    async def queued(self) -> None:
        """Three messages at once in one session: each waits for the one before."""
        said = [self._asked(kind) for kind in ("slow", "plain", "plain")]
        await asyncio.gather(*(self.caller.say(one, _nothing) for one in said))

    async def stamped(self) -> None:
        await self.caller.say(self._asked("stamp"), _nothing)

    async def posted(self) -> None:
        await self.caller.say(self._asked("post"), _nothing)

    async def fired(self) -> None:
        await self.caller.say(self._asked("fire"), _nothing)

    async def executed(self) -> None:
        """A tool that is called by itself."""
        request_id = self.caller.request_id()
        tool = self.caller.chance.choice((NOTE, STAMP, POST, FIRE))
        await self._executed(tool, request_id, deed_of(request_id, 1))

    async def resolved(self) -> None:
        """A call whose answer is lost, until a person says what had become of it."""
        request_id = self.caller.request_id()
        text = f"{CANARY} {CUT} {request_id} 1"
        ended = await self._executed(FIRE, request_id, text)
        if ended.state == tools_pb2.INVOCATION_STATE_UNKNOWN:
            happened = self.caller.evidence.tools.effects[FIRE][text] > 0
            request = tools_pb2.ResolveInvocationRequest(
                name=ended.name,
                outcome=(
                    tools_pb2.INVOCATION_OUTCOME_SUCCEEDED
                    if happened
                    else tools_pb2.INVOCATION_OUTCOME_FAILED
                ),
                note="looked it up",
                request_id=self.caller.request_id(),
            )
            await self.caller.ask(request, tools_pb2.ResolveInvocationResponse)

    async def _executed(self, tool: str, request_id: str, text: str) -> tools_pb2.Invocation:
        """Call a tool by itself, and keep what was told of the call."""
        slug, parent = self.caller.witness.slug, self.caller.parent
        told = Called(tenant=slug, request_id=request_id, ident=request_id)
        request = tools_pb2.ExecuteToolRequest(
            parent=parent, tool=tool, arguments=f'{{"text": "{text}"}}', request_id=request_id
        )
        try:
            ended = await self.caller.execute(request)
            state = tools_pb2.InvocationState.Name(ended.state)
            told = replace(
                told, invocation=ended.name, state=state.removeprefix("INVOCATION_STATE_")
            )
            return ended
        finally:
            self.caller.evidence.called.append(told)

    async def sanctioned(self) -> None:
        """A tool that is called by itself and waits for a person, who says yes."""
        caller, request_id = self.caller, self.caller.request_id()
        request = tools_pb2.ExecuteToolRequest(
            parent=caller.parent,
            tool=NOTE,
            arguments=f'{{"text": "{deed_of(request_id, 1)}"}}',
            capsule=f"{caller.parent}/capsules/{ASKING}",
            request_id=request_id,
        )
        name = await caller.accepted(request)
        caller.evidence.called.append(
            Called(tenant=caller.witness.slug, request_id=request_id, ident=request_id)
        )
        await self._decide(name, approves=True)

    async def held(self) -> None:
        """A reservation that is settled, given back, or left to run out."""
        caller = self.caller
        gate = budget_pb2.GateBudgetRequest(
            parent=caller.parent,
            amounts=[budget_pb2.Quantity(metric=budget_pb2.METRIC_TOKENS, amount=20)],
            lifetime=Duration(seconds=caller.chance.choice((1, 30))),
            request_id=caller.request_id(),
        )
        held = (await caller.ask(gate, budget_pb2.GateBudgetResponse)).reservation.name
        end = caller.chance.choice(("settle", "release", "forget"))
        if end == "settle":
            settle = budget_pb2.SettleBudgetRequest(
                reservation=held,
                uses=[budget_pb2.Quantity(metric=budget_pb2.METRIC_TOKENS, amount=15)],
                request_id=caller.request_id(),
            )
            await caller.ask(settle, budget_pb2.SettleBudgetResponse)
        elif end == "release" or gate.lifetime.seconds > 1:
            release = budget_pb2.ReleaseReservationRequest(
                name=held, request_id=caller.request_id()
            )
            await caller.ask(release, budget_pb2.ReleaseReservationResponse)

    async def recorded(self) -> None:
        now = Timestamp()
        now.GetCurrentTime()
        request = provenance_pb2.RecordProvenanceRequest(
            parent=self.caller.parent,
            action="invoice.approved",
            resource="invoices/1",
            outcome=provenance_pb2.OUTCOME_COMPLETED,
            start_time=now,
            end_time=now,
            input=CANARY.encode(),
            request_id=self.caller.request_id(),
        )
        await self.caller.ask(request, provenance_pb2.RecordProvenanceResponse)

    async def short_session(self) -> None:
        session = await self._opened(CAPSULE)
        await self.caller.say(self._asked("plain", session), _nothing)
        request = pb.DeleteSessionRequest(name=session, request_id=self.caller.request_id())
        await self.caller.ask(request, pb.DeleteSessionResponse)

    async def rated(self) -> None:
        asked = self._asked("plain")
        await self.caller.say(asked, _nothing)
        if asked.last == "completed":
            request = pb.SubmitFeedbackRequest(
                turn=asked.turn,
                rating=pb.RATING_GOOD,
                comment=CANARY,
                request_id=self.caller.request_id(),
            )
            await self.caller.ask(request, pb.SubmitFeedbackResponse)

    async def limited(self) -> None:
        """A limit is set again: a little more than was used, where the tenant is a limited one."""
        caller, account = (
            self.caller,
            budget_pb2.Account(kind=budget_pb2.ACCOUNT_KIND_TENANT, id=self.caller.witness.slug),
        )
        usage = await caller.ask(
            budget_pb2.GetUsageRequest(parent=caller.parent), budget_pb2.GetUsageResponse
        )
        spent = next(
            (one.spent for one in usage.usages if one.metric == budget_pb2.METRIC_TOKENS), 0
        )
        room = 3_000 if caller.witness.limited else 1_000_000_000
        request = budget_pb2.SetLimitRequest(
            parent=caller.parent,
            account=account,
            metric=budget_pb2.METRIC_TOKENS,
            limit=spent + room,
            request_id=caller.request_id(),
        )
        await caller.ask(request, budget_pb2.SetLimitResponse)


async def _nothing(_: pb.TurnEvent) -> None:
    """Only listen."""


ACTS: Final[Mapping[str, Callable[[Acts], Awaitable[None]]]] = {
    "plain": Acts.plain,
    "slow": Acts.slow,
    "watched": Acts.watched,
    "tool": Acts.tool,
    "tools": Acts.tools,
    "stamped": Acts.stamped,
    "posted": Acts.posted,
    "fired": Acts.fired,
    "cancelled": Acts.cancelled,
    "approved": Acts.approved,
    "queued": Acts.queued,
    "executed": Acts.executed,
    "resolved": Acts.resolved,
    "sanctioned": Acts.sanctioned,
    "held": Acts.held,
    "recorded": Acts.recorded,
    "short_session": Acts.short_session,
    "rated": Acts.rated,
    "limited": Acts.limited,
}
