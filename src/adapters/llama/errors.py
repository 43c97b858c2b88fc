"""Refusals of the local model."""

from domain.conversation.errors import ModelFailedError


class LocalModelError(ModelFailedError):
    """The local model cannot be started; the message says why and, where known, what to do."""

    def __init__(self, cause: str) -> None:
        super().__init__("the local model", cause)
