"""One writer on SQLite, many jobs, few commits. What holds on PostgreSQL too is in test_both_writers.py."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from services.intelligence.app.store import sqlite_writer as writing
from services.intelligence.app.store.jobs import MOST_JOBS_A_COMMIT, StoreClosedError
from services.intelligence.app.store.sql import Sql, SqliteSql
from services.intelligence.app.store.sqlite_writer import SqliteWriter

PATIENCE = 10.0


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A database with one table."""
    path = tmp_path / "notes.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text TEXT UNIQUE)")
    return path


@pytest.fixture
def writer(notes: Path) -> Iterator[SqliteWriter]:
    opened = SqliteWriter(notes)
    yield opened
    opened.close()


def stored(path: Path) -> list[str]:
    """The notes as another connection sees them, in the order of their writing."""
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM notes ORDER BY rowid")]


def note(text: str) -> Callable[[Sql], str]:
    def job(connection: Sql) -> str:
        connection.execute("INSERT INTO notes VALUES (?)", (text,))
        return text

    return job


class Held:
    """Keeps the writer busy with a job of its own until it is let go."""

    def __init__(self, writer: SqliteWriter) -> None:
        self._release = threading.Event()
        self._begun = threading.Event()
        self.job = asyncio.ensure_future(writer.run(self._wait))

    async def begun(self) -> None:
        """The job runs: whatever comes now waits together."""
        await asyncio.to_thread(self._begun.wait, PATIENCE)

    def let_go(self) -> None:
        """Let it end."""
        self._release.set()

    def _wait(self, _connection: Sql) -> None:
        self._begun.set()
        self._release.wait(PATIENCE)


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many jobs each round of the writer has taken."""
    sizes: list[int] = []
    commit = writing._commit

    def counted(connection: SqliteSql, batch: list[writing._Waiting]) -> None:
        sizes.append(len(batch))
        commit(connection, batch)

    monkeypatch.setattr(writing, "_commit", counted)
    return sizes


async def queued(writer: SqliteWriter, *texts: str) -> list[asyncio.Task[str]]:
    """Jobs that are in the writer's queue."""
    tasks = [asyncio.create_task(writer.run(note(text))) for text in texts]
    await asyncio.sleep(0)
    return tasks


async def gathered(*tasks: "asyncio.Task[Any]", return_exceptions: bool = False) -> list[Any]:
    """The results; a job that is never told of fails the test."""
    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(*tasks, return_exceptions=return_exceptions)


async def test_what_a_job_returns_is_known_when_it_is_committed(writer: SqliteWriter, notes: Path) -> None:
    assert await writer.run(note("one")) == "one"
    assert stored(notes) == ["one"]


async def test_jobs_that_wait_together_are_committed_together(
    writer: SqliteWriter, notes: Path, commits: list[int]
) -> None:
    held = Held(writer)
    await held.begun()
    tasks = await queued(writer, *(str(number) for number in range(50)))
    held.let_go()
    assert await gathered(*tasks) == [str(number) for number in range(50)]
    assert commits == [1, 50]
    assert stored(notes) == [str(number) for number in range(50)]


async def test_one_commit_takes_only_so_many_jobs(writer: SqliteWriter, commits: list[int]) -> None:
    held = Held(writer)
    await held.begun()
    tasks = await queued(writer, *(str(number) for number in range(MOST_JOBS_A_COMMIT + 3)))
    held.let_go()
    await gathered(*tasks)
    assert commits == [1, MOST_JOBS_A_COMMIT, 3]


async def test_a_job_that_fails_fails_alone_and_leaves_nothing(writer: SqliteWriter, notes: Path) -> None:
    def half(connection: Sql) -> None:
        connection.execute("INSERT INTO notes VALUES ('half')")
        raise ValueError("broken")

    held = Held(writer)
    await held.begun()
    before = await queued(writer, "a", "b")
    failing = asyncio.create_task(writer.run(half))
    after = await queued(writer, "c", "a", "d")
    held.let_go()
    results = await gathered(*before, failing, *after, return_exceptions=True)
    assert [type(result) for result in results] == [str, str, ValueError, str, sqlite3.IntegrityError, str]
    assert stored(notes) == ["a", "b", "c", "d"]


async def test_a_commit_that_fails_is_told_to_its_callers(writer: SqliteWriter, notes: Path) -> None:
    def unfit(connection: Sql) -> None:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.execute("CREATE TABLE IF NOT EXISTS links (note TEXT REFERENCES notes (text))")
        connection.execute("INSERT INTO links VALUES ('nowhere')")

    with pytest.raises(sqlite3.IntegrityError):
        await writer.run(unfit)
    assert await writer.run(note("after")) == "after"
    assert stored(notes) == ["after"]


async def test_jobs_are_done_in_the_order_of_their_arrival_and_told_in_it(writer: SqliteWriter) -> None:
    told: list[int] = []
    done: list[int] = []

    async def run(number: int) -> None:
        await writer.run(lambda _connection: done.append(number))
        told.append(number)

    held = Held(writer)
    await held.begun()
    tasks = [asyncio.create_task(run(number)) for number in range(20)]
    await asyncio.sleep(0)
    held.let_go()
    await gathered(*tasks)
    assert done == told == list(range(20))


async def test_the_job_of_a_caller_that_was_cancelled_is_done_all_the_same(writer: SqliteWriter, notes: Path) -> None:
    held = Held(writer)
    await held.begun()
    left, beside = await queued(writer, "left behind", "beside it")
    left.cancel()
    held.let_go()
    assert await gathered(beside) == ["beside it"]
    assert left.cancelled()
    assert stored(notes) == ["left behind", "beside it"]


async def test_closing_finishes_what_waits(writer: SqliteWriter, notes: Path) -> None:
    held = Held(writer)
    await held.begun()
    tasks = await queued(writer, "a", "b")
    closed = asyncio.create_task(asyncio.to_thread(writer.close))
    await asyncio.sleep(0)
    held.let_go()
    await closed
    assert await gathered(*tasks) == ["a", "b"]
    assert stored(notes) == ["a", "b"]


async def test_a_closed_writer_takes_no_job_and_may_be_closed_again(writer: SqliteWriter) -> None:
    writer.close()
    with pytest.raises(StoreClosedError):
        await writer.run(note("late"))
    writer.close()


async def test_no_job_comes_behind_the_end(writer: SqliteWriter, notes: Path) -> None:
    """Whoever calls while another thread closes is served or refused, and never left waiting."""
    held = Held(writer)
    await held.begun()
    closer = threading.Thread(target=writer.close)
    closer.start()
    outcomes: list[object] = []

    async def run(number: int) -> None:
        try:
            outcomes.append(await writer.run(note(str(number))))
        except StoreClosedError:
            outcomes.append(None)

    tasks = [asyncio.create_task(run(number)) for number in range(100)]
    await asyncio.sleep(0)
    held.let_go()
    await gathered(*tasks)
    await asyncio.to_thread(closer.join)
    assert stored(notes) == [outcome for outcome in outcomes if outcome is not None]


def test_a_loop_that_is_gone_costs_no_job(notes: Path) -> None:
    writer = SqliteWriter(notes)
    release = threading.Event()

    async def leave_a_job() -> None:
        asyncio.ensure_future(writer.run(lambda _connection: release.wait(PATIENCE)))  # noqa: RUF006 (left behind)
        asyncio.ensure_future(writer.run(note("orphan")))  # noqa: RUF006 (left behind)
        await asyncio.sleep(0)

    asyncio.run(leave_a_job())
    release.set()
    writer.close()
    assert stored(notes) == ["orphan"]


def test_a_database_that_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        SqliteWriter(tmp_path / "missing" / "notes.db")
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        SqliteWriter(broken)


async def test_commits_outlive_a_power_cut(writer: SqliteWriter) -> None:
    def pragmas(connection: Sql) -> tuple[str, int]:
        return (
            connection.execute("PRAGMA journal_mode").fetchone()[0],
            connection.execute("PRAGMA synchronous").fetchone()[0],
        )

    assert await writer.run(pragmas) == ("wal", 2)
