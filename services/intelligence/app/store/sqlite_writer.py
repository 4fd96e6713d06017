"""The writer on SQLite: one thread on one connection."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from novakit.database.sqlite import PRAGMAS

from .jobs import MOST_JOBS_A_COMMIT, StoreClosedError
from .sql import Sql, SqliteSql

Result = TypeVar("Result")

COMMIT_DELAY_SEC = 0.001
"""How long a commit waits for more jobs, but only where the one before had several: a lone writer never waits.

PostgreSQL has the same idea as ``commit_delay`` and ``commit_siblings``.
"""


@dataclass(slots=True)
class _Waiting:
    job: Callable[[Sql], Any]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"
    result: Any = None
    error: BaseException | None = None


class SqliteWriter:
    """See ``Writer``. Open it once per process, close it at the end."""

    def __init__(self, path: Path, pause: Callable[[float], None] = time.sleep) -> None:
        """``pause`` waits in the writer's thread. Raises sqlite3.Error where the database cannot be opened."""
        self._connection = _open(path)
        self._pause = pause
        self._closing = threading.Lock()
        self._jobs: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[Sql], Result]) -> Result:
        """Hand the job to the thread."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        # A job must not come behind the mark that ends the thread: nobody would ever do it.
        with self._closing:
            if self._closed:
                raise StoreClosedError
            self._jobs.put(_Waiting(job, loop, future))
        return await future

    def close(self) -> None:
        """Finish what waits, then stop. Blocks."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)
        self._thread.join()

    async def aclose(self) -> None:
        """The same, without blocking."""
        await asyncio.to_thread(self.close)

    def _work(self) -> None:
        with closing(self._connection) as connection:
            open_for_more = True
            batch: list[_Waiting] = []
            while open_for_more:
                batch, open_for_more = self._next_batch(company=len(batch) > 1)
                if batch:
                    _commit(connection, batch)
                    _tell(batch)

    def _next_batch(self, *, company: bool) -> tuple[list[_Waiting], bool]:
        first = self._jobs.get()
        if company and first is not None and self._jobs.qsize() < MOST_JOBS_A_COMMIT:
            self._pause(COMMIT_DELAY_SEC)
        batch: list[_Waiting] = []
        while first is not None:
            batch.append(first)
            if len(batch) == MOST_JOBS_A_COMMIT or self._jobs.empty():
                return batch, True
            first = self._jobs.get()
        return batch, False


def _open(path: Path) -> SqliteSql:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=SqliteSql)
    try:
        for pragma in PRAGMAS:
            connection.execute(pragma)
    except BaseException:
        connection.close()
        raise
    return connection


def _commit(connection: SqliteSql, batch: list[_Waiting]) -> None:
    """Run all in one transaction; where one of several fails, run each in its own, so that it fails alone."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        for waiting in batch:
            waiting.result = waiting.job(connection)
        connection.execute("COMMIT")
    except Exception as error:  # noqa: BLE001 (it is handed to the caller, whatever it is)
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if len(batch) == 1:
            batch[0].error = error
            return
        for waiting in batch:
            waiting.result = None
            _commit(connection, [waiting])


def _tell(batch: list[_Waiting]) -> None:
    for loop in {waiting.loop for waiting in batch}:
        mine = [waiting for waiting in batch if waiting.loop is loop]
        try:
            loop.call_soon_threadsafe(_settle, mine)
        except RuntimeError:
            # The loop was closed: nobody waits any more, and what was to be stored is stored.
            continue


def _settle(batch: list[_Waiting]) -> None:
    for waiting in batch:
        if waiting.future.done():
            continue
        if waiting.error is not None:
            waiting.future.set_exception(waiting.error)
        else:
            waiting.future.set_result(waiting.result)
