"""What is said of a metric before anything is measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A metric. `labels` gives each label its values, or how many different ones at most."""

    name: str
    kind: Kind
    unit: str
    help: str
    labels: Mapping[str, frozenset[str] | int] = field(default_factory=lambda: MappingProxyType({}))
