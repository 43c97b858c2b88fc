"""Dead letters in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, final
from uuid import UUID

import sqlalchemy as sa
from psycopg.rows import class_row

from adapters.postgres.database import Database
from adapters.postgres.outgoing import Outgoing
from adapters.postgres.packing import microseconds
from adapters.postgres.tables.delivery import dead_letters
from application.delivery.ports.dead_letters import LetterFilter, OpenedLetter
from domain.delivery.dead_letter import Attempt, Content, DeadLetter, LetterState
from domain.delivery.errors import DeadLetterNotFoundError
from domain.kernel.errors import EtagMismatchError
from domain.kernel.events import AuditRecorded
from domain.kernel.identifiers import DeadLetterId, TenantId
from domain.tenancy.tenant import PLATFORM_TENANT_ID

PATIENCE: Final = timedelta(seconds=5)
"""How long a change waits for its tenant's row."""

_DONE, _CHANGED_SINCE = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    tenant_id: UUID
    letter_id: UUID
    source: str
    origin: str
    topic: str
    key: bytes
    type: str
    payload_bytes: int
    reason: str
    cause: str
    attempted_at: list[datetime]
    attempt_errors: list[str]
    state: int
    created_at: datetime
    replaying: bool
    settled_at: datetime | None
    settled_by: str
    note: str
    version: int
    slug: str | None

    def letter(self) -> DeadLetter:
        attempts = zip(self.attempted_at, self.attempt_errors, strict=True)
        return DeadLetter(
            id=DeadLetterId(self.letter_id),
            tenant_id=TenantId(self.tenant_id),
            tenant=self.slug or "",
            source=self.source,
            origin=self.origin,
            topic=self.topic,
            key=self.key,
            type=self.type,
            payload_bytes=self.payload_bytes,
            reason=self.reason,
            cause=self.cause,
            attempts=tuple(Attempt(at, error) for at, error in attempts),
            created_at=self.created_at,
            state=LetterState(self.state),
            replaying=self.replaying,
            settled_at=self.settled_at,
            settled_by=self.settled_by,
            note=self.note,
            version=self.version,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenedRow(_Row):
    header_names: list[str]
    header_values: list[bytes]
    payload: bytes

    def opened(self) -> OpenedLetter:
        headers = zip(self.header_names, self.header_values, strict=True)
        return OpenedLetter(self.letter(), Content(headers=tuple(headers), payload=self.payload))


@dataclass(frozen=True, slots=True)
class _Changed:
    outcome: int


@dataclass(frozen=True, slots=True)
class _GaveWay:
    letters: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresDeadLetters:
    """A `DeadLetters`. What is of all tenants is read through a function that may."""

    database: Database
    outgoing: Outgoing

    async def put(self, letter: DeadLetter, content: Content) -> bool:
        put = sa.text(_PUT).bindparams(
            tenant=letter.tenant_id,
            letter=letter.id,
            source=letter.source,
            origin=letter.origin,
            topic=letter.topic,
            key=letter.key,
            type=letter.type,
            **_content(content),
            payload_bytes=letter.payload_bytes,
            reason=letter.reason,
            cause=letter.cause,
            attempted=[one.at for one in letter.attempts],
            errors=[one.error for one in letter.attempts],
        )
        async with self.database.tenant(letter.tenant_id) as connection:
            return bool((await connection.execute(put)).scalar_one())

    async def keep_unknown(self, most: int) -> int:
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_GaveWay))
            await cursor.execute(_KEEP, (PLATFORM_TENANT_ID, most))
            (row,) = await cursor.fetchall()
        return row.letters

    async def page(
        self, asked: LetterFilter, after: DeadLetterId | None, limit: int
    ) -> Sequence[DeadLetter]:
        parameters: dict[str, object] = {
            "tenant": asked.tenant_id,
            "state": None if asked.state is None else asked.state.value,
            "topic": asked.topic,
            "key": asked.key,
            "reason": asked.reason,
            "since": asked.since,
            "until": asked.until,
            "after": after,
            "limit": limit,
        }
        async with self.database.reading() as connection:
            cursor = connection.cursor(row_factory=class_row(_Row))
            await cursor.execute(_PAGE, parameters)
            return [row.letter() for row in await cursor.fetchall()]

    async def open(self, tenant_id: TenantId, letter_id: DeadLetterId) -> OpenedLetter:
        query = sa.select(
            *(dead_letters.c[name] for name in _STORED),
            sa.func.coalesce(
                dead_letters.c.taken_until > sa.func.clock_timestamp(), sa.false()
            ).label("replaying"),
            sa.func.tenant_slug(dead_letters.c.tenant_id).label("slug"),
        ).where(dead_letters.c.tenant_id == tenant_id, dead_letters.c.letter_id == letter_id)
        async with self.database.tenant(tenant_id) as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise DeadLetterNotFoundError(str(letter_id))
        return _OpenedRow(**row).opened()

    async def take(
        self, tenant_id: TenantId, letters: Sequence[DeadLetterId], seconds: float
    ) -> Sequence[OpenedLetter]:
        parameters: dict[str, object] = {
            "tenant": tenant_id,
            "patience": PATIENCE,
            "letters": list(letters),
            "lease": timedelta(seconds=seconds),
        }
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_OpenedRow))
            await cursor.execute(_TAKE, parameters)
            return [row.opened() for row in await cursor.fetchall()]

    async def change(
        self, changed: DeadLetter, content: Content | None, audit: AuditRecorded
    ) -> None:
        kind, fact = self.outgoing.encode(audit)
        parameters: dict[str, object] = {
            "tenant": changed.tenant_id,
            "patience": PATIENCE,
            "letter": changed.id,
            "version": changed.version,
            **(_NO_CONTENT if content is None else _content(content)),
            "payload_bytes": changed.payload_bytes,
            "reason": changed.reason,
            "cause": changed.cause,
            "attempted": [one.at for one in changed.attempts],
            "errors": [one.error for one in changed.attempts],
            "state": changed.state.value,
            "settled": changed.settled_at,
            "by": changed.settled_by,
            "note": changed.note,
            "event": audit.id,
            "event_key": audit.key,
            "type": kind,
            "trace": self.outgoing.traceparent(),
            "time": microseconds(audit.occurred_at),
            "fact": fact,
        }
        async with self.database.writing() as connection:
            cursor = connection.cursor(row_factory=class_row(_Changed))
            await cursor.execute(_CHANGE, parameters)
            (row,) = await cursor.fetchall()
        if row.outcome == _CHANGED_SINCE:
            raise EtagMismatchError(str(changed.id))
        if row.outcome != _DONE:
            raise DeadLetterNotFoundError(str(changed.id))


def _content(content: Content) -> dict[str, object]:
    return {
        "header_names": [name for name, _ in content.headers],
        "header_values": [value for _, value in content.headers],
        "payload": content.payload,
    }


_NO_CONTENT: Final = {"header_names": None, "header_values": None, "payload": None}

_STORED: Final = tuple(
    name
    for kind in (_Row, _OpenedRow)
    for name in kind.__slots__
    if name not in {"replaying", "slug"}
)

_PUT: Final = """
select put_dead_letter(
    :tenant, :letter, :source, :origin, :topic, :key, :type, cast(:header_names as text[]),
    cast(:header_values as bytea[]), :payload, :payload_bytes, :reason, :cause,
    cast(:attempted as timestamptz[]), cast(:errors as text[]))
"""
_KEEP: Final = b"select drop_unknown(%s, %s::integer) as letters"
_PAGE: Final = b"""
select l.*, tenant_slug(l.tenant_id) as slug
  from dead_letter_page(
    %(tenant)s::uuid, %(state)s::smallint, %(topic)s, %(key)s, %(reason)s, %(since)s::timestamptz,
    %(until)s::timestamptz, %(after)s::uuid, %(limit)s::integer) l
 order by l.created_at, l.letter_id
"""
_TAKE: Final = b"""
select l.tenant_id, l.letter_id, l.source, l.origin, l.topic, l.key, l.type, l.header_names,
       l.header_values, l.payload, l.payload_bytes, l.reason, l.cause, l.attempted_at,
       l.attempt_errors, l.state, l.created_at, true as replaying, l.settled_at, l.settled_by,
       l.note, l.version, p.slug
  from take_dead_letters(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(letters)s::uuid[],
    %(lease)s) l
  left join tenant_profiles p on p.tenant_id = l.tenant_id
 order by l.letter_id
"""
_CHANGE: Final = b"""
select change_dead_letter(
    lock_tenants(array[%(tenant)s]::uuid[], %(patience)s), %(tenant)s, %(letter)s,
    %(version)s::bigint, %(header_names)s::text[], %(header_values)s::bytea[], %(payload)s::bytea,
    %(payload_bytes)s::bigint, %(reason)s, %(cause)s, %(attempted)s::timestamptz[],
    %(errors)s::text[], %(state)s::smallint, %(settled)s::timestamptz, %(by)s, %(note)s,
    %(event)s, %(event_key)s, %(type)s, %(trace)s, %(time)s::bigint, %(fact)s) as outcome
"""
