"""A turn whose server was lost: what is committed of it, and what its watchers can read."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, final

from application.conversation.phases.tool_round import STATUS, WAITING, not_approved
from application.conversation.ports.checkpoint import Checkpoint
from application.conversation.ports.leases import Abandoned
from application.conversation.progress import Progress
from application.kernel.ports import CanonicalJson, Clock
from application.tools.arguments_digest import arguments_digest
from domain.conversation.bounds import FRAME_TOKENS, estimated_tokens
from domain.conversation.message import ToolCall
from domain.conversation.phase import Attempt
from domain.conversation.turn import Turn
from domain.conversation.turn_event import (
    AnswerStatus,
    Restarted,
    Started,
    TextAdded,
    ToolAnswered,
    TurnEvent,
)
from domain.kernel.identifiers import InvocationId
from domain.tools.invocation import Invocation, InvocationState

INTERRUPTED: Final = "interrupted"
"""The outcome of a model call whose server was lost."""

UNTOLD: Final = "unknown"
"""What stands for that of a lost model call which nobody wrote."""

ENDED: Final = {status: state for state, status in STATUS.items()} | {
    AnswerStatus.DENIED: InvocationState.DENIED
}

RAN: Final = (InvocationState.STARTED, InvocationState.SUCCEEDED, InvocationState.UNKNOWN)
"""Calls of tools that surely ran, or may have."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LostTurn:
    """`written` are its events, `rows` its calls as they are kept."""

    abandoned: Abandoned
    kept: Checkpoint
    written: tuple[TurnEvent, ...]
    rows: tuple[Invocation, ...]

    @property
    def turn(self) -> Turn:
        return self.abandoned.turn

    @property
    def void(self) -> Restarted:
        """What was shown and not written."""
        first = self.abandoned.last_written + 1
        return Restarted(first, max(first, self.abandoned.ceiling))

    @property
    def round(self) -> int:
        """The round of tools at hand; 0 before the first. The next model call has its number."""
        return sum(1 for message in self.kept.messages if message.calls)

    @property
    def pending(self) -> bool:
        """Whether tools are at hand: else it is the model, which may have been told of them all."""
        return bool(self.kept.messages) and bool(self.kept.messages[-1].calls)

    @property
    def committed(self) -> bool:
        """Whether the calls at hand were begun: they were not while the turn was paused."""
        return self.pending and self.round == self.kept.round

    @property
    def text(self) -> str:
        """The part of the answer at hand that stands: what was written of it, and what is kept."""
        written = self.written_text(self.round)
        return written if len(written) > len(self.kept.text) else self.kept.text

    def written_text(self, call: int) -> str:
        """What was written of a model call: its attempts go on where others broke off."""
        parts: list[str] = []
        current = False
        for event in self.written:
            if isinstance(event.body, Started):
                current = event.body.round == call
            elif current and isinstance(event.body, TextAdded):
                parts.append(event.body.delta)
        return "".join(parts)

    @property
    def progressed(self) -> bool:
        """Whether the lost server got further in the answer than the one before it."""
        return len(self.text) > len(self.kept.text)

    def known(self, json: CanonicalJson) -> dict[str, Invocation]:
        """The calls of the round at hand by the provider's call id, as far as they are known.

        Of a call without effects there is no row yet, but what was told of it.
        """
        if not self.pending:
            return {}
        found = {one.call_id: self._row(one) for one in self.rows if one.round == self.round}
        named = dict(self.kept.calls)
        for call in self.kept.messages[-1].calls:
            if call.id in named and call.id not in found:
                found[call.id] = self._judged(call, named[call.id], json)
        return {call_id: self._told(one) for call_id, one in found.items()}

    def _row(self, row: Invocation) -> Invocation:
        if row.state is InvocationState.PENDING_APPROVAL:
            row = replace(row, state=InvocationState.EXPIRED)
        rejected = row.state in (InvocationState.REJECTED, InvocationState.EXPIRED)
        return not_approved(row) if rejected and self.committed else row

    def _judged(
        self, call: ToolCall, invocation_id: InvocationId, json: CanonicalJson
    ) -> Invocation:
        """A call that its lost server judged, and may have made."""
        return Invocation(
            id=invocation_id,
            tenant_id=self.turn.tenant_id,
            turn_id=self.turn.id,
            round=self.round,
            call_id=call.id,
            tool=call.tool,
            arguments=call.arguments,
            digest=arguments_digest(json, call.arguments),
            effect=False,
            state=InvocationState.PERMITTED,
            requested_by=self.turn.order.principal.subject,
            created_at=self.turn.accepted_at,
        )

    def _told(self, one: Invocation) -> Invocation:
        """A call with the outcome that was written to watchers, where no row has one yet."""
        if one.state is not InvocationState.PERMITTED:
            return one
        for event in self.written:
            body = event.body
            if isinstance(body, ToolAnswered) and body.invocation_id == one.id:
                return replace(
                    one, state=ENDED[body.status], result=body.content, reason=body.reason,
                    finished_at=event.at,
                )  # fmt: skip
        return one

    def progress(self, clock: Clock) -> Progress:
        """What is known of the turn, with what its lost server used since the last settlement.

        That is the prompt as it was counted, the text that was written, and the calls that took
        effect, or may have. A tool that had begun says that no model was called after it.
        """
        made = Progress.since(clock, self.kept, self.turn)
        made.text = self.text
        made.rest(self.rows)
        if not made.usage.api_calls:
            made.called_api()
        at_hand = [one for one in self.rows if one.round == self.round and one.effect]
        if self.committed:
            for one in at_hand:
                if one.state in RAN and one.id not in self.kept.billed:
                    made.called_tool(one.id)
        if self._called_model():
            made.lost(self._attempt())
        return made

    def _called_model(self) -> bool:
        if not self.pending:
            return True
        running = any(one.state is InvocationState.STARTED for one in self.rows)
        return self.committed and not running

    def _attempt(self) -> Attempt:
        started = [one.body for one in self.written if isinstance(one.body, Started)]
        last = started[-1] if started and started[-1].round == self.round else None
        order = self.turn.order
        prompt = self.kept.prompt_tokens if self.round else order.prompt_tokens
        # By bytes: a model may have needed more tokens for a text than its tokenizer has for it.
        reply = estimated_tokens(self.text) - estimated_tokens(self.kept.text)
        if order.max_tokens is not None:
            reply = min(reply, order.max_tokens)
        return Attempt(
            capability=last.capability if last else UNTOLD,
            provider=UNTOLD,
            model=last.model if last else "",
            round=self.round,
            outcome=INTERRUPTED,
            prompt_tokens=prompt + sum(self._result_tokens()) + estimated_tokens(self.kept.text),
            completion_tokens=reply,
        )

    def _result_tokens(self) -> Iterator[int]:
        for one in self.rows:
            if self.pending and one.round == self.round:
                yield FRAME_TOKENS + estimated_tokens(one.result)

    @property
    def begun(self) -> list[Invocation]:
        """Calls whose lost server took along what came of them."""
        return [one for one in self.rows if one.state is InvocationState.STARTED]

    @property
    def ended(self) -> list[Invocation]:
        """Calls of which an outcome is kept."""
        return [one for one in self.rows if one.state not in WAITING]
