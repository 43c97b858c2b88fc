"""Refusals of the memory context."""

from domain.kernel.errors import NotFoundError, Resource


class MemoryNotFoundError(NotFoundError):
    reason = "MEMORY_NOT_FOUND"

    def __init__(self, memory: str) -> None:
        super().__init__(f"there is no memory {memory}", memory=memory)
        self.resource = Resource("memory", memory)
