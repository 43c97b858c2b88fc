"""Every type of event has its topic, and every topic one for what it could not take."""

from adapters.protobuf.events import PAYLOADS
from domain.delivery.topic import TOPIC_NAMES, TOPIC_OF, Topic


def test_every_published_type_has_a_topic() -> None:
    assert set(TOPIC_OF) >= set(PAYLOADS)


def test_the_topics_are_these() -> None:
    assert {topic.value for topic in Topic} == {
        "conversation.inbound",
        "conversation.outbound",
        "tool.requests",
        "tool.results",
        "audit.events",
        "usage.events",
        "provenance.records",
        "memory.wal",
    }


def test_each_topic_has_one_for_its_dead_letters() -> None:
    assert (
        tuple(name for topic in Topic for name in (topic.value, f"{topic.value}.dlq"))
        == TOPIC_NAMES
    )
