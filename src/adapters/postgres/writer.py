"""The writer of a process: takes all commands that wait and commits them as one transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, final

import psycopg

from adapters.postgres.batches import (
    STATEMENTS,
    Answer,
    Job,
    Outcome,
    Terms,
    answers,
    calls,
    grouped,
)
from adapters.postgres.database import TOO_MUCH, UNAVAILABLE, Database
from adapters.postgres.link import Link
from domain.kernel.errors import StorageUnavailableError

_CLOSE_SECONDS: Final = 10.0
_RECONNECT_PAUSE: Final = 0.1
_CANCELLED: Final = "57014"


def _unheard() -> None:
    """Where nobody wants to know of commits."""


async def _at_once() -> None:
    """Where nothing stands between a commit and its answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterSettings:
    """How many commands travel together, and how long a batch waits for locked tenants.

    `max_waiting` is how many may be without an answer; those of locked tenants are.

    `before_answers` is awaited after each batch's commit and before anybody hears of it: it may
    lose the answers, by raising StorageUnavailableError. `committed` is called then, whatever came
    of the batch's commands.

    `reconnect_seconds` is how long it waits for a server that takes no connection: one that is
    started again must not cost the turns that end meanwhile their ends.
    """

    max_batch: int = 256
    max_waiting: int = 20_000
    patience_seconds: float = 0.02
    stalled_patience_seconds: float = 1.0
    stalled_attempts: int = 5
    reconnect_seconds: float = 5.0
    before_answers: Callable[[], Awaitable[None]] = _at_once
    committed: Callable[[], None] = _unheard


@dataclass(slots=True, eq=False)
class _Waiting:
    job: Job
    answer: "asyncio.Future[Answer]"

    def settled_by(self, answer: Answer) -> bool:
        """Hand the answer on; False when it says to send the command again."""
        if answer.outcome is Outcome.AGAIN:
            return False
        if not self.answer.done():
            self.answer.set_result(answer)
        return True

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


@dataclass(slots=True)
class _Stalled:
    """What waits for one tenant, and how often its row was not had in time."""

    items: list[_Waiting]
    attempts: int = 0


@final
class Writer:
    """Commits commands in batches, without a timer: while one is committed, the next gathers.

    A batch waits a little for the rows of its tenants. If one stays locked elsewhere, the batch
    goes on without the tenants that are locked. A batch of each of them in turn waits for its row
    over a second connection; commands that arrive meanwhile wait behind it, and travel with the
    others again once the row was had. So each tenant's order of arrival is kept, and none waits for
    the work of another. Two commands for one turn never travel together.

    What is sent when the connection is lost is sent once more: every command answers as before.
    """

    def __init__(self, database: Database, terms: Terms, settings: WriterSettings) -> None:
        self._terms = terms
        self._settings = settings
        seconds = database.settings.link_seconds
        self._link = Link(database.connect_writer, STATEMENTS, seconds)
        self._second_link = Link(database.connect_writer, STATEMENTS, seconds)
        self._unanswered: set[asyncio.Future[Answer]] = set()
        self._waiting: list[_Waiting] = []
        self._stalled: dict[bytes, _Stalled] = {}
        self._arrival, self._stall = asyncio.Event(), asyncio.Event()
        self._open = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._open = True
        self._tasks = [
            asyncio.create_task(self._write()),
            asyncio.create_task(self._write_stalled()),
        ]

    async def close(self) -> None:
        """Take no more, answer what waits, and close."""
        self._open = False
        if self._unanswered:
            await asyncio.wait(self._unanswered, timeout=_CLOSE_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for answer in self._unanswered:
            if not answer.done():
                answer.set_exception(StorageUnavailableError())
        await self._link.close()
        await self._second_link.close()

    async def write(self, job: Job) -> Answer:
        """Commit one command.

        Raises:
            StorageUnavailableError: It is not known whether it was done: write it again.
        """
        if not self._open or len(self._unanswered) >= self._settings.max_waiting:
            raise StorageUnavailableError
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(job, answer))
        self._arrival.set()
        self._unanswered.add(answer)
        try:
            return await answer
        finally:
            self._unanswered.discard(answer)

    async def _write(self) -> None:
        while True:
            await self._arrival.wait()
            for item in self._waiting:
                if stalled := self._stalled.get(item.job.tenant):
                    stalled.items.append(item)
            free = [item for item in self._waiting if item.job.tenant not in self._stalled]
            taken, self._waiting = _split(free, self._settings.max_batch)
            if not self._waiting:
                self._arrival.clear()
            if taken:
                for item in await self._commit_together(taken):
                    self._stalled.setdefault(item.job.tenant, _Stalled([])).items.append(item)
                    self._stall.set()

    async def _commit_together(self, items: Sequence[_Waiting]) -> Sequence[_Waiting]:
        try:
            return await self._commit(self._link, items, self._settings.patience_seconds)
        except psycopg.errors.LockNotAvailable:
            return await self._commit(self._link, items, None)

    async def _write_stalled(self) -> None:
        while True:
            await self._stall.wait()
            self._stall.clear()
            while self._stalled:
                for tenant in tuple(self._stalled):
                    await self._write_tenant(tenant)

    async def _write_tenant(self, tenant: bytes) -> None:
        """Commit one batch of a tenant, waiting for its row; those that wait share the patience."""
        stalled, settings = self._stalled[tenant], self._settings
        taken, stalled.items = _split(stalled.items, settings.max_batch)
        patience = settings.stalled_patience_seconds / len(self._stalled)
        try:
            again = await self._commit(
                self._second_link, taken, max(patience, settings.patience_seconds)
            )
            locked = bool(again)
        except psycopg.errors.LockNotAvailable:
            again, locked = taken, True
            stalled.attempts += 1
            if stalled.attempts >= settings.stalled_attempts:
                for item in taken:
                    item.fail(StorageUnavailableError())
                again = []
        stalled.items[:0] = again
        if not (locked and stalled.items):
            del self._stalled[tenant]
            self._waiting[:0] = stalled.items
            self._arrival.set()

    async def _commit(
        self, link: Link, items: Sequence[_Waiting], patience_seconds: float | None
    ) -> Sequence[_Waiting]:
        """Commit and answer; gives back what is to be sent again. A bad command fails alone.

        Raises:
            LockNotAvailable: A row stayed locked for as long as there was patience.
        """
        try:
            found = await self._transact(link, [item.job for item in items], patience_seconds)
            await self._settings.before_answers()
        except psycopg.errors.LockNotAvailable:
            if patience_seconds is not None:
                raise
            return await self._commit_singly(link, items, StorageUnavailableError())
        except TOO_MUCH as error:
            return await self._commit_singly(link, items, error)
        except (*UNAVAILABLE, StorageUnavailableError) as error:
            if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
                await link.close()  # it is a standby now: find the new primary
            for item in items:
                item.fail(StorageUnavailableError())
            return []
        except Exception as error:  # noqa: BLE001  whatever it is: callers hang if this task ends
            return await self._commit_singly(link, items, error)
        self._settings.committed()
        return [
            item for item, answer in zip(items, found, strict=True) if not item.settled_by(answer)
        ]

    async def _commit_singly(
        self, link: Link, items: Sequence[_Waiting], error: Exception
    ) -> Sequence[_Waiting]:
        if len(items) == 1:
            items[0].fail(error)
            return []
        again: list[_Waiting] = []
        for item in items:
            again += await self._commit(link, [item], None)
        return again

    async def _transact(
        self, link: Link, jobs: Sequence[Job], patience_seconds: float | None
    ) -> Sequence[Answer]:
        groups = grouped(jobs)
        statements = calls(jobs, groups, self._terms, patience_seconds)
        patience = asyncio.get_running_loop().time() + self._settings.reconnect_seconds
        sent_again = False
        while True:
            try:
                return answers(groups, await link.transact(*statements))
            except StorageUnavailableError:
                # No connection could be made; the server may be starting again.
                if asyncio.get_running_loop().time() >= patience:
                    raise
                await asyncio.sleep(_RECONNECT_PAUSE)
            except psycopg.OperationalError as error:
                if sent_again or not _lost(error):
                    raise
                sent_again = True


def _split(items: Sequence[_Waiting], most: int) -> tuple[list[_Waiting], list[_Waiting]]:
    """The next batch in order of arrival, one command a turn, and the rest."""
    taken: list[_Waiting] = []
    left: list[_Waiting] = []
    turns: set[bytes] = set()
    for item in items:
        apart = item.job.turn in turns or len(taken) == most
        turns.add(item.job.turn)
        (left if apart else taken).append(item)
    return taken, left


def _lost(error: psycopg.OperationalError) -> bool:
    """Whether the connection broke, the server went down, or it chose us against a deadlock."""
    state = error.sqlstate
    return state is None or (state[:2] in {"08", "40", "57"} and state != _CANCELLED)
