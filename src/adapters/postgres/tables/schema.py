"""Every table of the schema: what is listed here is migrated."""

from typing import Final

from adapters.postgres.tables import (
    budget,
    capabilities,
    capsules,
    delivery,
    feedback,
    kernel,
    memories,
    operations,
    records,
    relaying,
    requests,
    tenancy,
    tools,
    turns,
)
from adapters.postgres.tables.metadata import metadata

CONTEXTS: Final = (
    kernel,
    tenancy,
    requests,
    budget,
    turns,
    tools,
    records,
    capsules,
    capabilities,
    memories,
    feedback,
    operations,
    delivery,
    relaying,
)
"""The modules whose import puts their tables into the metadata."""

__all__ = ["CONTEXTS", "metadata"]
