"""How a Kafka cluster is reached, and its topics' names."""

from dataclasses import dataclass
from typing import TypeAlias

Config: TypeAlias = dict[str, str | int | float | bool]
"""Properties of librdkafka."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaConnection:
    """Where the brokers are, how they are spoken to, and what stands before each topic's name.

    `security` is plaintext, tls, sasl_plaintext or sasl_tls; `ca_file` is empty for the system's.
    """

    bootstrap_servers: str
    security: str = "plaintext"
    ca_file: str = ""
    sasl_mechanism: str = "scram-sha-512"
    username: str = ""
    password: str = ""
    topic_prefix: str = ""

    def __repr__(self) -> str:
        return f"KafkaConnection({self.bootstrap_servers})"  # nothing secret reaches a log

    def topic(self, name: str) -> str:
        return f"{self.topic_prefix}{name}"

    def config(self) -> Config:
        """What every client of this cluster is given."""
        config: Config = {
            "bootstrap.servers": self.bootstrap_servers,
            "client.id": "somagent",
            "security.protocol": self.security.replace("tls", "ssl").upper(),
            "socket.keepalive.enable": True,
            "reconnect.backoff.max.ms": 1000,
            # A broker that is away is told of once, by who wanted something of it.
            "log_level": 2,
            "log.connection.close": False,
        }
        if self.ca_file:
            config["ssl.ca.location"] = self.ca_file
        if self.security.startswith("sasl"):
            config["sasl.mechanism"] = self.sasl_mechanism.upper()
            config["sasl.username"] = self.username
            config["sasl.password"] = self.password
        return config
