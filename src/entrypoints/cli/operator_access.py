"""The operator's key, without a server: by the database and the secret store."""

from entrypoints.assembly.secrets import SecretKeeper
from entrypoints.assembly.system import this_system
from entrypoints.operator import operator_key, operators_stores
from entrypoints.settings.settings import Settings


async def operator_secret(settings: Settings) -> str:
    """The kept key, or a new one.

    Raises:
        StartError: The database or the secret store cannot be used.
    """
    async with operators_stores(settings, _unheard) as stores:
        return await operator_key(stores, this_system(), SecretKeeper(settings))


def _unheard(_step: str, _stage: str) -> None:
    """The steps of the database's start: the key is all that is shown."""
