"""Ask again what may be asked again, when the database did not answer."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from domain.kernel.errors import StorageUnavailableError

T = TypeVar("T")

ATTEMPTS: Final = 4


async def insisting(step: Callable[[], Awaitable[T]], attempts: int = ATTEMPTS) -> T:
    """The answer of an idempotent step, asked for up to so many times.

    Raises:
        StorageUnavailableError: The database stayed away; whether the step was done is not known.
    """
    for _ in range(attempts - 1):
        try:
            return await step()
        except StorageUnavailableError:
            continue
    return await step()
