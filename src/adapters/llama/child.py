"""The process that runs llama.cpp's server: `python -m adapters.llama.child`."""

import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from typing import Final, Protocol

from adapters.llama.child_order import ORDERS, READY, ChildOrder

HTTP_THREADS: Final = 32
"""Each call holds one while it waits or streams; counting tokens takes one for a moment."""

_ERRORS_ONLY: Final = 1


class ModelFile(Protocol):
    path: str


class Processors(Protocol):
    n_threads: int


class Parameters(Protocol):
    """What we set of `xllamacpp.CommonParams`: the package comes without types."""

    model: ModelFile
    model_alias: set[str]
    hostnames: list[str]
    api_keys: list[str]
    cpuparams: Processors
    cpuparams_batch: Processors
    n_ctx: int
    n_parallel: int
    n_threads_http: int
    cache_ram_mib: int
    ui: bool
    endpoint_slots: bool
    verbosity: int


class Server(Protocol):
    @property
    def listening_address(self) -> str: ...


def serve(order: ChildOrder) -> Server:
    """Load the model and listen; the server runs in threads of its own while it is referenced."""
    llama = import_module("xllamacpp")
    params: Parameters = llama.CommonParams()
    params.model.path = order.weights
    params.model_alias = {order.model}
    params.hostnames = [order.socket]
    params.api_keys = [order.key]
    params.cpuparams.n_threads = order.threads
    params.cpuparams_batch.n_threads = order.threads
    params.n_ctx = order.window * order.slots
    params.n_parallel = order.slots
    params.n_threads_http = HTTP_THREADS
    params.cache_ram_mib = order.cache_mib
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = _ERRORS_ONLY
    server: Server = llama.Server(params)
    return server


def main() -> None:
    # The terminal's Ctrl-C is for the parent, which ends this process when it has drained.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)
    told = os.dup(1)
    os.dup2(2, 1)  # llama.cpp writes to both
    order = ORDERS.decode(sys.stdin.buffer.readline())
    socket = Path(order.socket)
    socket.unlink(missing_ok=True)
    server = serve(order)
    os.write(told, READY)
    # Its end means that the parent is gone, however it went.
    sys.stdin.buffer.read()
    rmtree(socket.parent, ignore_errors=True)
    del server
    os._exit(0)


if __name__ == "__main__":
    main()
