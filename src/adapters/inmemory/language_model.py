"""A language model that says what it was told to."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from typing import TypeAlias, final

from application.conversation.ports.models import ModelChunk, ModelEnd, ModelRequest, ModelText
from domain.conversation.errors import ModelTimedOutError, ModelTruncatedError
from domain.conversation.message import ToolCall
from domain.kernel.errors import DomainError

Line: TypeAlias = ModelChunk | DomainError | asyncio.Event
"""Something said, a refusal that ends the stream, or an event that is waited for."""


def said(*texts: str, prompt_tokens: int = 12) -> tuple[Line, ...]:
    """A whole answer in words."""
    end = ModelEnd(finish_reason="stop", prompt_tokens=prompt_tokens, completion_tokens=len(texts))
    return (*(ModelText(text) for text in texts), end)


def called(*calls: ToolCall, prompt_tokens: int = 12, completion_tokens: int = 7) -> tuple[Line]:
    """A whole answer that asks for tools."""
    return (
        ModelEnd(
            finish_reason="tool_calls",
            calls=calls,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
        ),
    )


@final
class ScriptedLanguageModel:
    """Gives its answers in order, and the last one again and again.

    `requests` are those that were streamed, `open_streams` how many are being read now.
    """

    def __init__(self, *answers: Sequence[Line]) -> None:
        self._answers = deque(answers or [said("Good day.")])
        self.requests: list[ModelRequest] = []
        self.open_streams = 0

    def will_say(self, *answers: Sequence[Line]) -> None:
        """Forget the script that is left, and follow this one."""
        self._answers = deque(answers)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelChunk]:
        self.requests.append(request)
        name = request.capability.name
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.popleft()
        self.open_streams += 1
        try:
            async with asyncio.timeout(request.seconds):
                await asyncio.sleep(0)
            for line in answer:
                match line:
                    case DomainError():
                        raise line
                    case asyncio.Event():
                        async with asyncio.timeout(request.seconds):
                            await line.wait()
                    case _:
                        yield line
            if not answer or not isinstance(answer[-1], ModelEnd):
                raise ModelTruncatedError(name)
        except TimeoutError as late:
            raise ModelTimedOutError(name, "whole") from late
        finally:
            self.open_streams -= 1
