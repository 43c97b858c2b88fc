"""What may be set about the publishing of events: the relay, and the broker it publishes to."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import Field, StringConstraints

from entrypoints.settings.values import (
    NO_FILE,
    Address,
    Bytes,
    Count,
    Seconds,
    SecretReference,
    Text,
)

TopicPrefix: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{0,64}$")]


GroupName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class Security(StrEnum):
    PLAINTEXT = "plaintext"
    TLS = "tls"
    SASL_PLAINTEXT = "sasl_plaintext"
    SASL_TLS = "sasl_tls"


class SaslMechanism(StrEnum):
    PLAIN = "plain"
    SCRAM_SHA_256 = "scram-sha-256"
    SCRAM_SHA_512 = "scram-sha-512"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """How events that were committed are published. Every server does it, and `somagent relay`."""

    enabled: Annotated[
        bool,
        Field(description="Whether servers publish events; off where `somagent relay` does."),
    ] = True
    lease_seconds: Annotated[
        float,
        Field(
            ge=1,
            le=300,
            description="A relay that was silent for so long has lost its keys to the others.",
        ),
    ] = 15
    poll_seconds: Annotated[
        float,
        Field(
            ge=0.05,
            le=60,
            description="How often a relay looks for events of which no bell of its process told; "
            "a third of the lease at most.",
        ),
    ] = 1
    events: Annotated[
        Count, Field(description="Events that one relay reads at a time, and has under way.")
    ] = 1000
    http_address: Annotated[
        Address,
        Field(
            description="Where `somagent relay` serves /metrics, /livez and /readyz; servers and "
            "their workers have `server.http_address` and those above it."
        ),
    ] = "127.0.0.1:9463"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSettings:
    """How messages of other systems are read: `conversation.inbound` and `tool.requests`."""

    enabled: Annotated[
        bool, Field(description="Whether servers read them; needs `kafka.bootstrap_servers`.")
    ] = False
    group: Annotated[
        GroupName,
        Field(description="The group that shares the partitions, behind the topics' prefix."),
    ] = "somagent"
    instance: Annotated[
        Text,
        Field(
            description="A name that stays this server's over restarts, so that it gets back the "
            "partitions it had; unique in the group. Each worker has its number behind it. Empty: "
            "a new member each time."
        ),
    ] = ""
    session_seconds: Annotated[
        float,
        Field(ge=6, le=1800, description="So long a silent reader keeps its partitions."),
    ] = 30
    batch: Annotated[Count, Field(description="Messages that are asked for at once.")] = 64
    in_flight: Annotated[
        Count,
        Field(
            description="Messages that are worked on at once in one process; no more are read "
            "meanwhile. Those that wait behind their key, or for their next try, do not count."
        ),
    ] = 64
    max_message_bytes: Annotated[
        Bytes,
        Field(description="Bytes of one message at most; a longer one becomes a dead letter."),
    ] = 1_048_576
    unknown_letters: Annotated[
        Count,
        Field(
            description="Dead letters of unknown senders that are kept, of 1.3 MB at most each; "
            "the oldest give way, save those that somebody edited or replayed."
        ),
    ] = 1000
    http_address: Annotated[
        Address,
        Field(description="Where `somagent consume` serves /metrics, /livez and /readyz."),
    ] = "127.0.0.1:9462"


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """Apache Kafka. Without `bootstrap_servers` events go to subscribers in the process alone."""

    bootstrap_servers: Annotated[
        Text, Field(description="Brokers to begin with: `host:port,host:port`; empty for none.")
    ] = ""
    security: Annotated[
        Security, Field(description="How brokers are spoken to; mode prod takes TLS alone.")
    ] = Security.PLAINTEXT
    ca_file: Annotated[
        Path,
        Field(description="PEM file with the brokers' authorities; unset: those of the system."),
    ] = NO_FILE
    sasl_mechanism: Annotated[
        SaslMechanism, Field(description="How this service shows who it is, where it does.")
    ] = SaslMechanism.SCRAM_SHA_512
    username: Annotated[Text, Field(description="Its name, for SASL.")] = ""
    password: Annotated[
        SecretReference | None, Field(description="Its password as a secret reference, for SASL.")
    ] = None
    topic_prefix: Annotated[
        TopicPrefix, Field(description="Stands before the name of every topic, as in `prod.`.")
    ] = ""
    create_topics: Annotated[
        bool,
        Field(description="Whether a server makes the topics that are missing when it starts."),
    ] = False
    partitions: Annotated[Count, Field(description="Partitions of a topic that is made.")] = 12
    replication: Annotated[
        int,
        Field(
            ge=1,
            le=15,
            description="Copies of each partition of a topic that is made; with three or more, all "
            "but one must have a message before it is acknowledged.",
        ),
    ] = 3
    delivery_seconds: Annotated[
        Seconds,
        Field(description="How long a message may take to be acknowledged before it is retried."),
    ] = 10
    max_message_bytes: Annotated[
        Bytes, Field(description="Bytes of one message at most; brokers take 1 MiB by default.")
    ] = 1_000_000
    consumers: ConsumerSettings = ConsumerSettings()
