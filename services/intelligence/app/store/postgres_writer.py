"""The writer on PostgreSQL: one connection in the event loop of its callers, made anew where it is lost."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
from novakit import logs
from novakit.database import DatabaseError
from sqlalchemy.util import greenlet_spawn

from .jobs import MOST_JOBS_A_COMMIT, StoreClosedError, StoreLostError
from .postgres_sql import PostgresSql
from .sql import Sql

if TYPE_CHECKING:
    from asyncpg import Connection

Result = TypeVar("Result")
Connect = Callable[[], Awaitable["Connection"]]

TRIES = 3
_BROKEN = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.InvalidCachedStatementError)
"""A transaction that ended so may well succeed the next time."""

log = logs.get("store")


@dataclass(slots=True)
class _Waiting:
    job: Callable[[Sql], Any]
    future: "asyncio.Future[Any]"
    result: Any = None
    error: BaseException | None = None


class PostgresWriter:
    """See ``Writer``. To be used from the event loop that opened it."""

    def __init__(self, connect: Connect, connection: "Connection") -> None:
        self._connect = connect
        self._connection = connection
        self._sql = PostgresSql(connection)
        self._jobs: deque[_Waiting] = deque()
        self._more = asyncio.Event()
        self._closed = False
        self._working = asyncio.create_task(self._work())

    @classmethod
    async def open(cls, connect: Connect) -> "PostgresWriter":
        """Connect; raises what ``connect`` raises."""
        return cls(connect, await connect())

    async def run(self, job: Callable[[Sql], Result]) -> Result:
        """Put the job behind those that wait."""
        if self._closed:
            raise StoreClosedError
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._jobs.append(_Waiting(job, future))
        self._more.set()
        return await future

    async def aclose(self) -> None:
        """Finish what waits, then stop."""
        self._closed = True
        self._more.set()
        await asyncio.wait((self._working,))
        await _ended(self._connection)

    async def _work(self) -> None:
        while True:
            await self._more.wait()
            batch = [self._jobs.popleft() for _ in range(min(len(self._jobs), MOST_JOBS_A_COMMIT))]
            if batch:
                await self._store(batch)
                _settle(batch)
            elif self._closed:
                return
            else:
                self._more.clear()

    async def _store(self, batch: list[_Waiting]) -> None:
        """Run all in one transaction; where one of several fails, run each in its own, so that it fails alone."""
        error = await self._transaction(batch)
        tries = 1
        while _worth_another_try(error, batch) and tries < TRIES:
            error = await self._transaction(batch)
            tries += 1
        if error is None:
            return
        if len(batch) == 1 or isinstance(error, StoreLostError):
            for waiting in batch:
                waiting.error = error
            return
        for waiting in batch:
            waiting.result = None
            await self._store([waiting])

    async def _transaction(self, batch: list[_Waiting]) -> Exception | None:
        """Do it; why it was not done."""
        try:
            if self._connection.is_closed():
                self._connection = await self._connect()
                self._sql = PostgresSql(self._connection)
            await self._connection.execute("BEGIN")
            await greenlet_spawn(_run_all, batch, self._sql)
        except Exception as error:  # noqa: BLE001 (it is handed to the caller, whatever it is)
            return await self._undone(error)
        try:
            await self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 (it is handed to the caller, whatever it is)
            if isinstance(error, asyncpg.IntegrityConstraintViolationError):
                return await self._undone(error)
            # Whether it was committed is not known, and doing it again might do it twice.
            self._connection.terminate()
            return _lost(error, certain=False)
        return None

    async def _undone(self, error: Exception) -> Exception:
        """Roll back. What is not the jobs' own fault is a StoreLostError."""
        if isinstance(error, asyncpg.InvalidCachedStatementError):
            self._sql.forget()
        if isinstance(error, DatabaseError):
            return _lost(error, certain=True)
        if not isinstance(error, TimeoutError):
            try:
                await self._connection.execute("ROLLBACK")
            except _BROKEN:
                pass
            else:
                return error
        self._connection.terminate()
        return _lost(error, certain=True) if isinstance(error, _BROKEN) else error


def _worth_another_try(error: Exception | None, batch: list[_Waiting]) -> bool:
    if isinstance(error, StoreLostError):
        return error.worth_another_try
    return len(batch) == 1 and isinstance(error, _AGAIN)


def _lost(error: Exception, *, certain: bool) -> StoreLostError:
    """``certain``: nothing was stored. Silence is not worth another try: it would be as long."""
    log.error("store_lost", error=type(error).__name__, at=logs.where(error))
    return StoreLostError(worth_another_try=certain and not isinstance(error, DatabaseError | TimeoutError))


def _run_all(batch: list[_Waiting], sql: Sql) -> None:
    for waiting in batch:
        waiting.result = waiting.job(sql)


def _settle(batch: list[_Waiting]) -> None:
    for waiting in batch:
        if waiting.future.done():
            continue
        if waiting.error is not None:
            waiting.future.set_exception(waiting.error)
        else:
            waiting.future.set_result(waiting.result)


async def _ended(connection: "Connection") -> None:
    try:
        await connection.close(timeout=1)
    except _BROKEN:
        connection.terminate()
