"""A cluster of librdkafka's own mock brokers, which answer with the errors they are told."""

from collections.abc import Generator
from contextlib import contextmanager
from ctypes import CDLL, POINTER, c_char_p, c_int, c_int16, c_int32, c_size_t, c_void_p
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final, final

INIT_PRODUCER_ID: Final = 22
PRODUCE: Final = 0
"""Numbers of requests in Kafka's protocol."""

_PRODUCER: Final = 0
_BROKER: Final = 1


@final
@dataclass(frozen=True, slots=True)
class MockBrokers:
    """One broker; topics are made when they are first written to."""

    library: CDLL
    cluster: int

    @property
    def bootstrap_servers(self) -> str:
        servers: bytes = self.library.rd_kafka_mock_cluster_bootstraps(self.cluster)
        return servers.decode()

    def go_away(self) -> None:
        """Hang up, and take no connection more."""
        self.library.rd_kafka_mock_broker_set_down(self.cluster, _BROKER)

    def come_back(self) -> None:
        self.library.rd_kafka_mock_broker_set_up(self.cluster, _BROKER)

    def fail(self, request: int, code: int, times: int = 1) -> None:
        """Answer the next requests of this kind with an error."""
        codes = (c_int * times)(*[code] * times)
        self.library.rd_kafka_mock_push_request_errors_array(self.cluster, request, times, codes)

    def recover(self, request: int) -> None:
        """Answer requests of this kind as they should be."""
        self.library.rd_kafka_mock_clear_request_errors(self.cluster, request)


@contextmanager
def mock_brokers() -> Generator[MockBrokers]:
    library = client_library()
    client: int = library.rd_kafka_new(_PRODUCER, library.rd_kafka_conf_new(), None, 0)
    cluster: int = library.rd_kafka_mock_cluster_new(client, 1)
    try:
        yield MockBrokers(library, cluster)
    finally:
        library.rd_kafka_mock_cluster_destroy(cluster)
        library.rd_kafka_destroy(client)


def client_library() -> CDLL:
    """The one that the client is linked with: what is looked for in the client is found there."""
    client = find_spec("confluent_kafka.cimpl")
    assert client is not None
    library = CDLL(client.origin)
    library.rd_kafka_conf_new.restype = c_void_p
    library.rd_kafka_new.restype = c_void_p
    library.rd_kafka_new.argtypes = [c_int, c_void_p, c_char_p, c_size_t]
    library.rd_kafka_destroy.restype = None
    library.rd_kafka_destroy.argtypes = [c_void_p]
    library.rd_kafka_mock_cluster_new.restype = c_void_p
    library.rd_kafka_mock_cluster_new.argtypes = [c_void_p, c_int]
    library.rd_kafka_mock_cluster_destroy.restype = None
    library.rd_kafka_mock_cluster_destroy.argtypes = [c_void_p]
    library.rd_kafka_mock_cluster_bootstraps.restype = c_char_p
    library.rd_kafka_mock_cluster_bootstraps.argtypes = [c_void_p]
    for name in ("rd_kafka_mock_broker_set_down", "rd_kafka_mock_broker_set_up"):
        getattr(library, name).argtypes = [c_void_p, c_int32]
    library.rd_kafka_mock_push_request_errors_array.restype = None
    library.rd_kafka_mock_push_request_errors_array.argtypes = [
        c_void_p,
        c_int16,
        c_size_t,
        POINTER(c_int),
    ]
    library.rd_kafka_mock_clear_request_errors.restype = None
    library.rd_kafka_mock_clear_request_errors.argtypes = [c_void_p, c_int16]
    return library
