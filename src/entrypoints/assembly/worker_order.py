"""What a parent tells a worker, through its standard input."""

from dataclasses import asdict, dataclass
from typing import Final

import orjson

from adapters.llama.local_model import LocalModel
from adapters.postgres.database import DatabaseSettings
from entrypoints.assembly.platform import Platform
from entrypoints.settings.settings import Settings

READY: Final = b"ready"


@dataclass(frozen=True, slots=True)
class WorkerOrder:
    """The settings, the engines that the parent opened, and the worker's number from 0."""

    settings: Settings
    platform: Platform
    index: int


def encode_order(order: WorkerOrder) -> bytes:
    """One line of JSON. It holds the local model's key: it goes through a pipe, never argv."""
    platform = order.platform
    return orjson.dumps(
        {
            "settings": order.settings.model_dump(mode="json"),
            "database": asdict(platform.database),
            "local_model": asdict(platform.local_model) if platform.local_model else None,
            "index": order.index,
        }
    )


def decode_order(line: bytes) -> WorkerOrder:
    read = orjson.loads(line)
    local = read["local_model"]
    return WorkerOrder(
        settings=Settings.model_validate(read["settings"]),
        platform=Platform(
            database=DatabaseSettings(**read["database"]),
            local_model=LocalModel(**local) if local else None,
        ),
        index=read["index"],
    )
