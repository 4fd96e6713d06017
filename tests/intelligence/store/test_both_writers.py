"""What holds of a writer on either database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from novakit.database.postgres import PostgresDatabase

from services.intelligence.app.store.jobs import MOST_JOBS_A_COMMIT, StoreClosedError, StoreLostError
from services.intelligence.app.store.opening import open_writer
from services.intelligence.app.store.postgres_sql import numbered
from services.intelligence.app.store.postgres_writer import PostgresWriter
from services.intelligence.app.store.sql import Sql
from services.intelligence.app.store.writer import Writer
from tests.support.databases import BOTH, ON_POSTGRES, MadeDatabase

PATIENCE = 10.0


@pytest.fixture
async def writer(database: MadeDatabase) -> AsyncIterator[Writer]:
    with database.beside() as connection:
        connection.execute("CREATE TABLE notes (text TEXT UNIQUE, place INTEGER)")
    opened = await open_writer(database.database)
    yield opened
    await opened.aclose()


def note(text: str, place: int = 0) -> Callable[[Sql], str]:
    def job(connection: Sql) -> str:
        connection.execute("INSERT INTO notes (text, place) VALUES (?, ?)", (text, place))
        return text

    return job


def stored(database: MadeDatabase) -> set[str]:
    return {text for (text,) in database.rows("SELECT text FROM notes")}


async def all_of(*jobs: Any) -> list[Any]:
    async with asyncio.timeout(PATIENCE):
        return await asyncio.gather(*jobs, return_exceptions=True)


@BOTH
async def test_what_a_job_returns_is_known_when_others_can_see_it(writer: Writer, database: MadeDatabase) -> None:
    assert await writer.run(note("one")) == "one"
    assert stored(database) == {"one"}


@BOTH
async def test_jobs_are_done_in_the_order_of_their_arrival_and_told_in_it(writer: Writer) -> None:
    done: list[int] = []
    told: list[int] = []

    async def run(number: int) -> None:
        def job(connection: Sql) -> None:
            connection.execute("INSERT INTO notes (text) VALUES (?)", (str(number),))
            done.append(number)

        await writer.run(job)
        told.append(number)

    await all_of(*(run(number) for number in range(MOST_JOBS_A_COMMIT + 5)))
    assert done == told == list(range(MOST_JOBS_A_COMMIT + 5))


@BOTH
async def test_a_job_that_fails_fails_alone_and_leaves_nothing(writer: Writer, database: MadeDatabase) -> None:
    def half(connection: Sql) -> None:
        connection.execute("INSERT INTO notes (text) VALUES (?)", ("half",))
        raise ValueError("broken")

    jobs = [note("a"), note("b"), half, note("c"), note("a"), note("d")]
    results = await all_of(*(writer.run(job) for job in jobs))
    assert [result for result in results if isinstance(result, str)] == ["a", "b", "c", "d"]
    assert isinstance(results[2], ValueError)
    assert "Integrity" in type(results[4]).__name__ or "UniqueViolation" in type(results[4]).__name__
    assert stored(database) == {"a", "b", "c", "d"}


@BOTH
async def test_a_row_that_a_statement_gives_and_changes_can_be_counted_and_read(writer: Writer) -> None:
    def job(connection: Sql) -> tuple[Any, ...]:
        for number in range(3):
            connection.execute("INSERT INTO notes VALUES (?, ?)", (f"what? {number}", number))
        changed = connection.execute("UPDATE notes SET place = place + ? WHERE text <> 'what? 0'", (5,)).rowcount
        rows = connection.execute("SELECT text, place FROM notes ORDER BY place")
        first = rows.fetchone()
        return changed, tuple(first), [place for _, place in rows], rows.fetchone()

    assert await writer.run(job) == (2, ("what? 0", 0), [6, 7], None)


@BOTH
async def test_the_job_of_a_caller_that_was_cancelled_is_done_all_the_same(
    writer: Writer, database: MadeDatabase
) -> None:
    left = asyncio.create_task(writer.run(note("left behind")))
    await asyncio.sleep(0)
    left.cancel()
    await all_of(left, writer.run(note("beside it")))
    assert left.cancelled()
    assert stored(database) == {"left behind", "beside it"}


@BOTH
async def test_closing_finishes_what_waits_and_takes_no_more(writer: Writer, database: MadeDatabase) -> None:
    waiting = [asyncio.create_task(writer.run(note(text))) for text in "ab"]
    await asyncio.sleep(0)
    await writer.aclose()
    assert await all_of(*waiting) == ["a", "b"]
    with pytest.raises(StoreClosedError):
        await writer.run(note("late"))
    assert stored(database) == {"a", "b"}


@ON_POSTGRES
async def test_a_text_that_holds_a_nul_is_stored_all_the_same(writer: Writer, database: MadeDatabase) -> None:
    await writer.run(note("before\0after"))
    assert stored(database) == {"before\ufffdafter"}


@ON_POSTGRES
async def test_a_connection_that_was_lost_is_made_anew_and_costs_no_job(
    writer: Writer, database: MadeDatabase
) -> None:
    lose(database)
    assert await writer.run(note("one")) == "one"

    def losing(connection: Sql) -> str:
        connection.execute("INSERT INTO notes (text) VALUES (?)", ("two",))
        if not lost:
            lost.append(True)
            lose(database)
        connection.execute("INSERT INTO notes (text) VALUES (?)", ("three",))
        return "told"

    lost: list[bool] = []
    assert await writer.run(losing) == "told"
    assert stored(database) == {"one", "two", "three"}


def lose(database: MadeDatabase) -> None:
    """Break the writer's connection at the server."""
    assert database.server is not None
    database.server.execute(
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{database.name}'"
    )


@ON_POSTGRES
async def test_without_a_server_a_job_says_so_and_the_next_one_works(database: MadeDatabase) -> None:
    made = database.database
    assert isinstance(made, PostgresDatabase)
    down = False

    async def connect() -> Any:
        if down:
            raise ConnectionRefusedError
        return await made.connect()

    writer = await PostgresWriter.open(connect)
    down = True
    lose(database)
    results = await all_of(writer.run(lambda _sql: "a"), writer.run(lambda _sql: "b"))
    assert [type(result) for result in results] == [StoreLostError, StoreLostError]
    down = False
    assert await writer.run(lambda _sql: "c") == "c"
    await writer.aclose()


@ON_POSTGRES
async def test_of_two_writers_that_wait_for_each_other_both_get_on(writer: Writer, database: MadeDatabase) -> None:
    """Each of them locks what the other wants next; the server ends one, which does it again."""
    other = await open_writer(database.database)
    for text in "ab":
        await writer.run(note(text))
    begun: list[str] = []

    def job(first: str, second: str) -> Callable[[Sql], None]:
        def run(connection: Sql) -> None:
            connection.execute("UPDATE notes SET place = place + 1 WHERE text = ?", (first,))
            begun.append(first)
            while len(begun) < 2:
                connection.execute("SELECT pg_sleep(0.01)")
            connection.execute("UPDATE notes SET place = place + 1 WHERE text = ?", (second,))

        return run

    assert await all_of(writer.run(job("a", "b")), other.run(job("b", "a"))) == [None, None]
    await other.aclose()
    assert database.rows("SELECT place FROM notes") == [(2,), (2,)]


@ON_POSTGRES
async def test_a_table_that_was_changed_by_somebody_does_not_stop_the_writer(
    writer: Writer, database: MadeDatabase
) -> None:
    def everything(connection: Sql) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in connection.execute("SELECT * FROM notes")]

    await writer.run(note("one"))
    assert await writer.run(everything) == [("one", 0)]
    with database.beside() as connection:
        connection.execute("ALTER TABLE notes ADD COLUMN more TEXT")
    assert await writer.run(everything) == [("one", 0, None)]


@ON_POSTGRES
async def test_a_name_is_locked_by_one_transaction_at_a_time(writer: Writer, database: MadeDatabase) -> None:
    """Two processes count up without a lock on the row: each reads what the other has committed."""
    other = await open_writer(database.database)
    await writer.run(note("count"))

    def count(connection: Sql) -> None:
        connection.lock("count")
        (place,) = connection.execute("SELECT place FROM notes").fetchone()
        connection.execute("UPDATE notes SET place = ?", (place + 1,))

    await all_of(*(one.run(count) for _ in range(20) for one in (writer, other)))
    await other.aclose()
    assert database.rows("SELECT place FROM notes") == [(40,)]


def test_question_marks_become_numbers_but_not_inside_a_text() -> None:
    assert numbered("UPDATE a SET b = ?, c = 'why?' WHERE d = 'it''s ?' AND e = ?") == (
        "UPDATE a SET b = $1, c = 'why?' WHERE d = 'it''s ?' AND e = $2"
    )


@ON_POSTGRES
async def test_what_cannot_be_is_told_in_the_servers_words(writer: Writer) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        await writer.run(lambda connection: connection.execute("SELECT * FROM nowhere"))
    assert await writer.run(note("after")) == "after"
