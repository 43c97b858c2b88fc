"""One connection with prepared statements, over which transactions are pipelined."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from select import POLLIN, poll
from typing import Final, TypeAlias, final

import psycopg
from psycopg import pq
from psycopg.errors import error_from_result

from adapters.postgres.database import Connection
from adapters.postgres.packing import Parameter

Call: TypeAlias = tuple[str, Sequence[Parameter]]
"""A statement's name, and its parameters in binary."""

Results: TypeAlias = Sequence["pq.abc.PGresult"]

_BINARY: Final = pq.Format.BINARY
_ROWS: Final = pq.ExecStatus.TUPLES_OK
_SYNC: Final = pq.ExecStatus.PIPELINE_SYNC
_FORGET_PLANS: Final = "forget_plans"
_FIRST_PLANS: Final = 32
_DONE: Final = (_ROWS, pq.ExecStatus.COMMAND_OK)


@dataclass(slots=True)
class _Transaction:
    """`until` is the time of the event loop by which it must be answered."""

    answer: "asyncio.Future[Results]"
    until: float
    results: list["pq.abc.PGresult"] = field(default_factory=list["pq.abc.PGresult"])
    error: psycopg.Error | None = None


@final
class Link:
    """Sends transactions without waiting for the answers of those before; they come in order.

    psycopg's cursors cost more than such a transaction does; so this speaks to libpq itself. A
    connection that is lost fails what was sent over it (it is not known whether it was done), and
    the next transaction makes a new one. For one event loop.

    Answers come in order, so one timer watches over all: it looks at the oldest.

    The server keeps a statement's plan, which was right for tables as large as they were then; a
    table that was empty a minute ago is read whole by such a plan. So whenever the number of
    transactions has doubled the plans are forgotten.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        statements: Mapping[str, str],
        patience_seconds: float,
    ) -> None:
        self._connect = connect
        self._statements = {**statements, _FORGET_PLANS: "discard plans"}
        self._patience_seconds = patience_seconds
        self._connection: Connection | None = None
        self._socket = -1
        self._more = poll()
        self._connecting = asyncio.Lock()
        self._sent: deque[_Transaction] = deque()
        self._writing = False
        self._watch: asyncio.TimerHandle | None = None
        self._count = 0

    async def transact(self, *calls: Call) -> Results:
        """One transaction of statements: the result of each.

        Raises:
            psycopg.Error: Of the first statement that failed; nothing was done. An OperationalError
                without `sqlstate` means that the connection was lost.
        """
        if self._connection is None:
            await self._open()
        answer = self._send(calls)
        self._count += 1
        if self._count >= _FIRST_PLANS and self._count & (self._count - 1) == 0:
            # When that fails the connection was lost, and its plans with it: nobody waits for it.
            self._send([(_FORGET_PLANS, ())]).add_done_callback(_hear)
        return await answer

    async def close(self) -> None:
        await self._lose(psycopg.OperationalError("the connection was closed"))

    async def _open(self) -> None:
        async with self._connecting:
            if self._connection is not None:
                return
            connection = await self._connect()
            connection.pgconn.nonblocking = 1
            connection.pgconn.enter_pipeline_mode()
            self._connection, self._socket = connection, connection.fileno()
            self._count = 0
            self._more = poll()
            self._more.register(self._socket, POLLIN)
            asyncio.get_running_loop().add_reader(self._socket, self._read)
            try:
                # All are sent before anything else can be: others see the connection already.
                await asyncio.gather(*[self._prepare(name) for name in self._statements])
            except BaseException:
                await self._lose(psycopg.OperationalError("a statement was not prepared"))
                raise

    def _prepare(self, name: str) -> "asyncio.Future[Results]":
        transaction = self._begin()
        self._pgconn().send_prepare(name.encode(), self._statements[name].encode())
        self._end()
        return transaction.answer

    def _send(self, calls: Sequence[Call]) -> "asyncio.Future[Results]":
        transaction = self._begin()
        try:
            for name, parameters in calls:
                self._pgconn().send_query_prepared(
                    name.encode(), parameters, [_BINARY] * len(parameters), _BINARY
                )
            self._end()
        except psycopg.OperationalError as lost:
            self._drop(lost)
        return transaction.answer

    def _begin(self) -> _Transaction:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience_seconds
        transaction = _Transaction(loop.create_future(), until)
        self._sent.append(transaction)
        if self._watch is None:
            self._watch = loop.call_at(until, self._look)
        return transaction

    def _look(self) -> None:
        """Give the connection up when its oldest transaction was not answered in time."""
        self._watch = None
        if not self._sent:
            return
        loop, until = asyncio.get_running_loop(), self._sent[0].until
        if loop.time() >= until:
            self._drop(psycopg.OperationalError("the server does not answer"))
        else:
            self._watch = loop.call_at(until, self._look)

    def _end(self) -> None:
        self._pgconn().pipeline_sync()
        self._flush()

    def _flush(self) -> None:
        """Send what libpq keeps; what the socket does not take now goes when it does."""
        if self._connection is None:
            return
        loop = asyncio.get_running_loop()
        try:
            if self._pgconn().flush():
                loop.add_writer(self._socket, self._flush)
                self._writing = True
            elif self._writing:
                loop.remove_writer(self._socket)
                self._writing = False
        except psycopg.OperationalError as lost:
            self._drop(lost)

    def _read(self) -> None:
        """Take all that has come, to the end where there is one.

        Of a connection that is reset uvloop tells once, though its last words come before its end:
        whoever left the end for the next time would wait in vain.
        """
        connection = self._pgconn()
        try:
            connection.consume_input()
            self._take_all(connection)
            while self._more.poll(0):
                connection.consume_input()
                self._take_all(connection)
        except psycopg.OperationalError as lost:
            self._drop(lost)

    def _take_all(self, connection: "pq.abc.PGconn") -> None:
        ends = 0
        while self._sent and not connection.is_busy():
            result = connection.get_result()
            if result is None:
                # One ends a statement's results; two in a row mean that there is nothing more.
                ends += 1
                if ends > 1:
                    return
                continue
            ends = 0
            self._take(result)

    def _take(self, result: "pq.abc.PGresult") -> None:
        transaction = self._sent[0]
        if result.status == _SYNC:
            self._sent.popleft()
            _answer(transaction)
        elif result.status in _DONE:
            transaction.results.append(result)
        elif transaction.error is None and result.status != pq.ExecStatus.PIPELINE_ABORTED:
            transaction.error = error_from_result(result)

    def _pgconn(self) -> "pq.abc.PGconn":
        if self._connection is None:
            raise psycopg.OperationalError("the connection was lost")
        return self._connection.pgconn

    def _drop(self, lost: psycopg.OperationalError) -> None:
        """Forget the connection and fail what was sent over it."""
        connection, self._connection = self._connection, None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if connection is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket)
            loop.remove_writer(self._socket)
            self._writing = False
            connection.pgconn.finish()
        while self._sent:
            transaction = self._sent.popleft()
            transaction.error = transaction.error or lost
            _answer(transaction)

    async def _lose(self, lost: psycopg.OperationalError) -> None:
        connection = self._connection
        self._drop(lost)
        if connection is not None:
            await connection.close()


def _hear(answer: "asyncio.Future[Results]") -> None:
    answer.exception()


def _answer(transaction: _Transaction) -> None:
    if transaction.answer.done():
        return
    if transaction.error is None:
        transaction.answer.set_result(transaction.results)
    else:
        transaction.answer.set_exception(transaction.error)
