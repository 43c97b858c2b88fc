"""Shows a turn while it happens: text as it comes, tools, degradations, the end and its cost."""

from collections.abc import Callable, Mapping
from typing import Final, cast

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from application.kernel.ports import Json
from entrypoints.cli.figures import label, last_part, usage_words
from entrypoints.cli.following import ConnectionLost
from entrypoints.cli.refusals import advice_for, words_of
from entrypoints.cli.screen import Screen, one_line
from somagent.conversation.v1.conversation_pb2 import FinishReason, TurnEvent
from somagent.tools.v1.tools_pb2 import InvocationState

_RESULT_LONGEST: Final = 200


def json_of(message: Message) -> Json:
    """A message as JSON, its fields named as in the contract."""
    return cast("Json", MessageToDict(message, preserving_proto_field_name=True))


class TurnView:
    """One turn on a screen; in JSON one event a line."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._shown = ""
        self._open = False
        self.record = ""
        self.last = TurnEvent()
        self._renderers: Mapping[str, Callable[[TurnEvent], None]] = {
            "accepted": self._accepted,
            "started": self._started,
            "text": self._text,
            "tool_call": self._tool_call,
            "tool_result": self._tool_result,
            "approval_requested": self._approval_requested,
            "restarted": self._restarted,
            "degraded": self._degraded,
            "paused": self._paused,
            "resumed": self._resumed,
            "completed": self._completed,
            "failed": self._failed,
            "cancelled": self._cancelled,
        }

    @property
    def kind(self) -> str:
        """The kind of the last event; empty before the first."""
        return self.last.WhichOneof("event") or ""

    def show(self, event: TurnEvent | ConnectionLost) -> None:
        if isinstance(event, ConnectionLost):
            self._close_line()
            self._screen.note(
                f"connection lost ({event.reason}); going on after event {event.after_sequence}"
            )
            return
        self.last = event
        if self._screen.json:
            self._screen.emit(json_of(event))
        elif renderer := self._renderers.get(self.kind):
            renderer(event)
        self.record = (
            event.completed.record or event.failed.record or event.cancelled.record or self.record
        )

    def _accepted(self, event: TurnEvent) -> None:
        if event.accepted.queued:
            self._line("waiting for the turns before it", "dim")

    def _started(self, event: TurnEvent) -> None:
        started = event.started
        again = f", attempt {started.attempt}" if started.attempt > 1 else ""
        self._line(f"model {one_line(started.model)} · round {started.round}{again}", "dim")
        self._shown = ""

    def _text(self, event: TurnEvent) -> None:
        self._shown += event.text.delta
        self._screen.append(event.text.delta)
        self._open = not event.text.delta.endswith("\n")

    def _tool_call(self, event: TurnEvent) -> None:
        call = event.tool_call
        self._line(f"tool  {call.tool} {one_line(call.arguments)}", "cyan")

    def _tool_result(self, event: TurnEvent) -> None:
        result = event.tool_result
        state = label(InvocationState.Name(result.state), "INVOCATION_STATE_")
        good = result.state == InvocationState.INVOCATION_STATE_SUCCEEDED
        content = one_line(result.content, _RESULT_LONGEST)
        said = not result.reason or content.startswith(result.reason)
        reason = "" if said else f" {result.reason}"
        self._line(f"      {state}{reason}: {content}", "green" if good else "yellow")
        self._shown = ""

    def _approval_requested(self, event: TurnEvent) -> None:
        asked = event.approval_requested
        self._line(f"approval wanted for {asked.tool} {one_line(asked.arguments)}", "yellow")
        self._line(f"      {asked.invocation}", "dim")

    def _restarted(self, event: TurnEvent) -> None:
        before = event.restarted.first_sequence - 1
        self._line(f"the server was lost; what was shown since event {before} is void", "yellow")
        self._shown = ""

    def _degraded(self, event: TurnEvent) -> None:
        missing = event.degraded
        self._line(f"without {one_line(missing.what)}: {one_line(missing.reason)}", "yellow")

    def _paused(self, event: TurnEvent) -> None:
        waiting = ", ".join(last_part(name) for name in event.paused.invocations)
        self._line(f"paused: a person must decide about {waiting}", "yellow")

    def _resumed(self, event: TurnEvent) -> None:
        del event
        self._line("goes on", "dim")

    def _completed(self, event: TurnEvent) -> None:
        completed = event.completed
        self._close_line()
        if completed.text.strip() != self._shown.strip():
            if self._shown:
                self._line("the answer as it is kept:", "dim")
            self._screen.append(completed.text)
            self._open = True
        elif not completed.text:
            self._line("no words in answer", "yellow")
        ended = completed.finish_reason
        if ended not in {FinishReason.FINISH_REASON_STOP, FinishReason.FINISH_REASON_UNSPECIFIED}:
            words = label(FinishReason.Name(ended), "FINISH_REASON_")
            self._line(f"ended early: {words}", "yellow")
        self._line(usage_words(completed.usage), "dim")

    def _failed(self, event: TurnEvent) -> None:
        error = event.failed.error
        self._line(f"failed: {words_of(error)}", "bold red")
        if advice := advice_for(error.reason):
            self._line(f"        {advice}")
        self._line(usage_words(event.failed.usage), "dim")

    def _cancelled(self, event: TurnEvent) -> None:
        self._line(f"cancelled by {one_line(event.cancelled.subject)}", "yellow")
        self._line(usage_words(event.cancelled.usage), "dim")

    def _line(self, text: str, style: str = "") -> None:
        self._close_line()
        self._screen.say(text, style)

    def _close_line(self) -> None:
        if self._open:
            self._screen.say()
            self._open = False
