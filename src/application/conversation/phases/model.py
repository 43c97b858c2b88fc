"""Phase 7: one answer of a model, streamed, with its fallbacks and their breakers."""

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final, final

from application.capability.ports import ProviderHealth
from application.conversation.phases.model_call import (
    ModelAnswer,
    ModelCall,
    largest_part,
    part_of,
)
from application.conversation.ports.models import (
    LanguageModel,
    ModelEnd,
    ModelRequest,
    ModelText,
    TokenCounter,
)
from application.conversation.progress import Progress
from application.conversation.running_turn import RunningTurn
from application.kernel.ports import Clock
from domain.capability.capability import Capability
from domain.conversation.bounds import estimated_tokens
from domain.conversation.errors import (
    ModelFailedError,
    ModelRateLimitedError,
    ModelTimedOutError,
    ModelTruncatedError,
)
from domain.conversation.message import ToolCall
from domain.conversation.phase import Attempt
from domain.conversation.turn_event import Started, TextAdded
from domain.kernel.storable_text import storable

LONGEST_ANSWER: Final = 512 * 1024
"""Characters. A provider that goes on beyond its bound has failed; what is more could not be read:
an answer is one message of the API."""

LONGEST_ARGUMENTS: Final = 256 * 1024
"""Characters of all calls of one answer together."""

FAILURES: Final = (
    ModelFailedError,
    ModelRateLimitedError,
    ModelTimedOutError,
    ModelTruncatedError,
)


@dataclass(slots=True)
class _Heard:
    """What one attempt has brought so far."""

    parts: list[str] = field(default_factory=list[str])
    length: int = 0
    end: ModelEnd | None = None

    @property
    def text(self) -> str:
        return "".join(self.parts)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CallModel:
    """Streams the answer to the client as it comes.

    A candidate that fails before it has shown anything is followed by the next one, within what the
    failed one left of the reservation. After that the answer cannot be taken back: the turn fails,
    or the same candidate, once, and then the others are asked to go on where it broke off.
    """

    model: LanguageModel
    counter: TokenCounter
    health: ProviderHealth
    clock: Clock

    async def __call__(self, turn: RunningTurn, progress: Progress, call: ModelCall) -> ModelAnswer:
        """Raises: ModelFailedError and its kin: every candidate failed; the last one's failure."""
        failure: Exception | None = None
        waiting = deque(call.candidates)
        again = {one.name for one in call.candidates}
        attempt = -1
        while waiting:
            attempt, capability = attempt + 1, waiting.popleft()
            if not self.health.allows(capability.provider):
                continue
            call = await self._counted(call, capability)
            if attempt and min(call.reply, progress.left - call.prompt_tokens) < 1:
                break
            heard = _Heard(length=len(call.part.text))
            try:
                return await self._attempt(turn, progress, call, capability, heard, attempt)
            except FAILURES as error:
                failure = error
            if not heard.parts:
                continue
            if capability.name in again:
                again.remove(capability.name)
                waiting.appendleft(capability)
            rest = await self._renewed(call, progress, waiting)
            if rest is None:
                raise failure
            call = rest
        raise failure or ModelFailedError(call.candidates[0].name, "its circuit breaker is open")

    async def _counted(self, call: ModelCall, capability: Capability) -> ModelCall:
        """The call with the part that stands counted as the model counts it that goes on.

        Where it counts more, the rest has fewer tokens: what is reserved must do.
        """
        part = call.part
        if not part.text or part.capability == capability.name:
            return call
        return call.going_on(await part_of(self.counter, capability, part.text))

    async def _renewed(
        self, call: ModelCall, progress: Progress, waiting: Iterable[Capability]
    ) -> ModelCall | None:
        """The call for the rest of an answer that broke off; None where it ends so.

        What is reserved for it does for each model that may go on, however it counts.
        """
        refusing = self.health.refusing()
        following = [one for one in waiting if one.provider not in refusing]
        if call.renew is None or not following:
            return None
        rest = call.going_on(await part_of(self.counter, following[0], progress.text))
        if not rest.reply:
            return None
        most = call.going_on(await largest_part(self.counter, following, progress.text))
        progress.lost_last()
        await call.renew(rest.part.text, max(rest.tokens, most.tokens))
        return rest

    async def _attempt(
        self,
        turn: RunningTurn,
        progress: Progress,
        call: ModelCall,
        capability: Capability,
        heard: _Heard,
        attempt: int,
    ) -> ModelAnswer:
        reply = max(1, min(call.reply, progress.left - call.prompt_tokens))
        try:
            await turn.show(Started(capability.name, capability.model, call.round, attempt))
            await self._listen(turn, call, capability, reply, heard)
        except BaseException as error:
            outcome = type(error).__name__
            if isinstance(error, FAILURES):
                outcome = error.reason
                self.health.failed(capability.provider)
            _settle(progress, call, capability, heard, outcome)
            progress.text = call.part.text + heard.text
            raise
        self.health.succeeded(capability.provider)
        return _settle(progress, call, capability, heard, "ok")

    async def _listen(
        self,
        turn: RunningTurn,
        call: ModelCall,
        capability: Capability,
        reply: int,
        heard: _Heard,
    ) -> None:
        request = ModelRequest(
            capability=capability,
            messages=call.told,
            tools=call.offers,
            tool_choice=call.choice,
            temperature=call.temperature,
            max_tokens=reply,
            seconds=max(0.0, call.deadline - self.clock.monotonic()),
            confidence=call.confidence and capability.supports_logprobs,
        )
        async with aclosing(self.model.stream(request)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, ModelText):
                    delta = storable(chunk.delta)
                    heard.length += len(delta)
                    _refuse_longer(capability, heard.length, LONGEST_ANSWER)
                    heard.parts.append(delta)
                    await turn.show(TextAdded(delta))
                else:
                    asked = sum(len(one.arguments) for one in chunk.calls)
                    _refuse_longer(capability, asked, LONGEST_ARGUMENTS)
                    heard.end = _storable_end(chunk)
        if heard.end is None:
            raise ModelTruncatedError(capability.name)


def _storable_end(end: ModelEnd) -> ModelEnd:
    """What the provider said at the end, in texts that can be kept whatever it sent."""
    reason, request_id = storable(end.finish_reason), storable(end.request_id)
    if not end.calls and (reason, request_id) == (end.finish_reason, end.request_id):
        return end
    calls = tuple(
        ToolCall(call_id, storable(one.tool), storable(one.arguments))
        for call_id, one in zip(_call_ids(end.calls), end.calls, strict=True)
    )
    return replace(end, calls=calls, finish_reason=reason, request_id=request_id)


def _call_ids(calls: Sequence[ToolCall]) -> Sequence[str]:
    """The provider's ids of calls, which name each of them within its round: repeated ones differ.

    Some providers give every call the same id, or none.
    """
    found: dict[str, None] = {}
    for place, call in enumerate(calls):
        call_id = storable(call.id)
        while not call_id or call_id in found:
            call_id = f"{call_id}~{place}"
        found[call_id] = None
    return tuple(found)


def _refuse_longer(capability: Capability, length: int, longest: int) -> None:
    if length > longest:
        raise ModelFailedError(capability.name, f"it gave more than {longest} characters")


def _settle(
    progress: Progress, call: ModelCall, capability: Capability, heard: _Heard, outcome: str
) -> ModelAnswer:
    """Count what the attempt used, as its provider says, else as it was counted here."""
    end = heard.end or ModelEnd(finish_reason="")
    told = end.prompt_tokens is not None and end.completion_tokens is not None
    unanswered = heard.end is None and not heard.parts and outcome != "CancelledError"
    prompt = 0 if unanswered else call.prompt_tokens
    prompt = prompt if end.prompt_tokens is None else end.prompt_tokens
    completion = (
        min(call.reply, estimated_tokens(heard.text))
        if end.completion_tokens is None
        else end.completion_tokens
    )
    progress.used(
        capability,
        prompt=prompt,
        completion=completion,
        cached=end.cached_tokens,
        reasoning=end.reasoning_tokens,
        estimated=not told and not unanswered,
    )
    progress.attempts.append(
        Attempt(
            capability=capability.name,
            provider=capability.provider,
            model=capability.model,
            round=call.round,
            outcome=outcome,
            request_id=end.request_id,
            finish_reason=end.finish_reason,
            prompt_tokens=prompt,
            completion_tokens=completion,
            first_byte_us=int(end.first_byte_seconds * 1_000_000),
            confidence=end.confidence,
        )
    )
    return ModelAnswer(call.part.text + heard.text, end.calls, end.finish_reason)
