"""The built-in memory, and notes, in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.database import Database
from adapters.postgres.tables.memories import memories, notes
from application.memory.ports import Recalled, RememberText
from domain.kernel.errors import IdempotencyKeyReusedError
from domain.kernel.identifiers import InvocationId, MemoryId, SessionId, TenantId
from domain.memory.errors import MemoryNotFoundError
from domain.memory.note import Note
from domain.memory.recollection import MemoryKind, MemoryScope, Recollection
