"""Reads YAML strictly: nothing is executed, expanded, guessed or said twice."""

import re
from collections.abc import Iterator
from typing import Final

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from application.kernel.ports import Json

DEEPEST: Final = 32
"""Mappings and lists inside each other."""

_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    "null": None,
    "true": True,
    "false": False,
}
_LONGEST_NUMBER: Final = 40

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser in C where there is one; of it only the events are used."""


class StrictYamlError(ValueError):
    """What is wrong, and where: line and column from 1."""

    def __init__(self, problem: str, event: Event | None = None) -> None:
        place = ""
        if event is not None and event.start_mark is not None:
            mark = event.start_mark
            place = f"line {mark.line + 1}, column {mark.column + 1}: "
        super().__init__(f"{place}{problem}")


def read_yaml(text: str) -> Json:
    """The one document of a text, by the YAML 1.2 core schema.

    `yes` and `on` are text, 010 is ten, 1:30 is text. Anchors, aliases, tags, merge keys, keys that
    are not text, a key that stands twice, and more than one document are refused.

    Raises:
        StrictYamlError: It is not such a document.
    """
    try:
        events = yaml.parse(text, Loader=_LOADER)
        return _document(_Events(events))
    except yaml.YAMLError as error:
        raise StrictYamlError(_told(error)) from None


class _Events:
    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events

    def next(self) -> Event:
        event = next(self._events)
        if isinstance(event, AliasEvent):
            raise StrictYamlError("aliases are not taken", event)
        if isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent):
            if event.anchor is not None:
                raise StrictYamlError("anchors are not taken", event)
            if event.tag is not None:
                raise StrictYamlError("tags are not taken", event)
        return event

    def after(self) -> Iterator[Event]:
        return self._events


def _document(events: _Events) -> Json:
    value: Json = None
    while not isinstance(event := events.next(), DocumentStartEvent):
        if isinstance(event, yaml.events.StreamEndEvent):
            raise StrictYamlError("there is nothing in it")
    value = _node(events, events.next(), 1)
    if any(isinstance(event, DocumentStartEvent) for event in events.after()):
        raise StrictYamlError("there is more than one document in it")
    return value


def _node(events: _Events, event: Event, depth: int) -> Json:
    if depth > DEEPEST:
        raise StrictYamlError(f"deeper than {DEEPEST} levels", event)
    if isinstance(event, MappingStartEvent):
        return _mapping(events, depth)
    if isinstance(event, SequenceStartEvent):
        items: list[Json] = []
        while not isinstance(item := events.next(), SequenceEndEvent):
            items.append(_node(events, item, depth + 1))
        return items
    return _scalar(_text_of(event))


def _mapping(events: _Events, depth: int) -> dict[str, Json]:
    fields: dict[str, Json] = {}
    while not isinstance(event := events.next(), MappingEndEvent):
        key = _text_of(event)
        name = _scalar(key)
        if not isinstance(name, str) or name == "<<":
            raise StrictYamlError("a key must be text; put it in quotes", event)
        if name in fields:
            raise StrictYamlError(f"the key {name[:64]!r} stands there twice", event)
        fields[name] = _node(events, events.next(), depth + 1)
    return fields


def _text_of(event: Event) -> ScalarEvent:
    if not isinstance(event, ScalarEvent):
        raise StrictYamlError("a key must be text", event)
    return event


def _scalar(event: ScalarEvent) -> str | int | float | bool | None:
    """A plain scalar by the core schema; one in quotes is text."""
    text = event.value
    plain, _ = event.implicit
    if not plain:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= _LONGEST_NUMBER:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
    return text


def _told(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return "it has characters that no YAML has"
