"""How a server makes room for the time to come, and deletes what was kept long enough."""

from application.operations.ports import Storage
from entrypoints.background import Repeated, Step


def tending(storage: Storage, retention: Storage, seconds: float) -> list[Repeated]:
    """What is done at intervals: all there is to do, and not again before the next one."""
    return [
        Repeated(name="partitions", step=_once(storage), seconds=seconds),
        Repeated(name="retention", step=_once(retention), seconds=seconds),
    ]


def _once(storage: Storage) -> Step:
    """Without its answer: as long as there is traffic, something has been kept long enough."""

    async def tend() -> None:
        await storage.tend()

    return tend
