"""Whether a reader's name is another's in its group."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# confluent-kafka does not say what its futures hold.

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Final, Protocol

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

_MARGIN_SECONDS: Final = 1.0
"""The client's own limit comes first."""


class Member(Protocol):
    group_instance_id: str | None


class Description(Protocol):
    """What is read of what the client answers: it does not export its own name of that."""

    members: Sequence[Member]


def name_is_taken(
    connection: Mapping[str, str | float | bool], group: str, name: str, seconds: float
) -> bool:
    """Whether a member of the group has this name; true where the broker does not say. Blocks."""
    try:
        admin = AdminClient(dict(connection))
        answers: dict[str, Future[Description]] = admin.describe_consumer_groups(
            [group], request_timeout=seconds
        )
        members = answers[group].result(seconds + _MARGIN_SECONDS).members
    except KafkaException as error:
        return bool(error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND)
    except TimeoutError:
        return True
    return any(member.group_instance_id == name for member in members)
