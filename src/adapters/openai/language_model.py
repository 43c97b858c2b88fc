"""Models behind any OpenAI-compatible API, streamed with aiohttp."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final, final

from aiohttp import ClientError

from adapters.openai.answer import Answer, plain_id
from adapters.openai.completion_request import CompletionRequest
from adapters.openai.event_stream import EventStream, EventTooLongError
from adapters.openai.exchange import HttpAnswer
from adapters.openai.refusals import cause_of, http_refusal, not_a_stream, start_of_body
from adapters.openai.session import ProviderSession, UnsendableKeyError
from adapters.openai.stage_watch import StageWatch
from application.conversation.ports.models import ModelChunk, ModelRequest, ModelText
from application.kernel.ports import Clock
from domain.conversation.errors import ModelFailedError, ModelTruncatedError

_OK: Final = 200
_REFUSED_REQUEST: Final = frozenset({400, 422})
_MOST_MODELS: Final = 1024
_LAST_READ_SECONDS: Final = 1.0


@final
class OpenAiLanguageModel:
    """The models of one provider, over its session."""

    def __init__(self, session: ProviderSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._refused: dict[str, frozenset[str]] = {}
        self._settling: set[asyncio.Task[None]] = set()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk]:
        """Call the model; see the port. Nothing is sent before the first chunk is asked for."""
        provider = self._session.provider
        name = request.capability.name
        asked = CompletionRequest.of(request, provider)
        watch = StageWatch(name, provider.patience, request.seconds)
        response = await self._begin(request, asked, watch)
        answer = Answer(name, asked, f"call_{len(request.messages)}_")
        answer.request_id = plain_id(response.headers.get("x-request-id", ""))
        events = EventStream()
        room = provider.max_answer_bytes
        try:
            while not answer.done and (block := await _read(response, watch, name)):
                room -= len(block)
                if room < 0:
                    raise ModelFailedError(name, "its answer is too long")
                if text := answer.take(events.feed(block)):
                    yield ModelText(text)
            yield answer.end(watch.first_byte_seconds or 0.0)
        except EventTooLongError as failure:
            raise ModelFailedError(name, "an event of its stream is too long") from failure
        finally:
            watch.stop()
            self._leave(response, ended=answer.done)

    async def _begin(
        self, request: ModelRequest, asked: CompletionRequest, watch: StageWatch
    ) -> HttpAnswer:
        """Send the request; again without an option that the server refuses by name."""
        model = request.capability.model
        while True:
            refused = self._refused.get(model, frozenset())
            response = await self._send(asked.body(refused), request, watch)
            if response.status == _OK and response.content_type == "text/event-stream":
                _give_up_after_stream(response)
                return response
            try:
                body = await watch.answer(start_of_body(response.content))
            except (ClientError, OSError):
                body = b""
            finally:
                response.close()
            unwelcome = {name for name in asked.wished - refused if name.encode() in body}
            if response.status not in _REFUSED_REQUEST or not unwelcome:
                break
            if len(self._refused) >= _MOST_MODELS:
                self._refused.clear()
            self._refused[model] = refused | unwelcome
        if response.status == _OK:
            raise not_a_stream(request.capability.name, response, body)
        raise http_refusal(request.capability.name, response, body, self._clock)

    async def _send(self, body: bytes, request: ModelRequest, watch: StageWatch) -> HttpAnswer:
        try:
            return await watch.answer(self._session.chat(body))
        except (ClientError, OSError, UnsendableKeyError) as failure:
            raise ModelFailedError(request.capability.name, cause_of(failure)) from failure

    def _leave(self, response: HttpAnswer, *, ended: bool) -> None:
        if not ended:
            response.close()
        elif response.content.at_eof():
            response.release()
        else:
            # What says the end of the body is on its way: with it, the connection can be kept.
            settling = asyncio.create_task(_read_to_end(response))
            self._settling.add(settling)
            settling.add_done_callback(self._settling.discard)


def _give_up_after_stream(response: HttpAnswer) -> None:
    # llama.cpp promises to keep a connection after a stream, and closes it: the next call on it
    # would be lost.
    if response.headers.get("Server") == "llama.cpp":
        response.keep_no_connection()


async def _read(response: HttpAnswer, watch: StageWatch, capability: str) -> bytes:
    try:
        return await watch.read(response)
    except (ClientError, OSError, RuntimeError) as failure:
        # aiohttp raises a RuntimeError where the session was closed under a stream.
        raise ModelTruncatedError(capability) from failure


async def _read_to_end(response: HttpAnswer) -> None:
    try:
        async with asyncio.timeout(_LAST_READ_SECONDS):
            while await response.content.readany():
                pass
        response.release()
    except (ClientError, OSError):  # of which a time-out is one
        pass
    finally:
        response.close()
