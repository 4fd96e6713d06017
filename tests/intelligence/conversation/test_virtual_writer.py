"""The writer of these tests does what the real one does: each story is told to both."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from services.intelligence.app.store.jobs import StoreClosedError
from services.intelligence.app.store.sql import Sql
from services.intelligence.app.store.sqlite_writer import SqliteWriter
from services.intelligence.app.store.writer import Writer
from tests.intelligence.conversation.world import COMMIT_SEC, VirtualWriter
from tests.support.virtual_time import START, in_virtual_time, run

Story = Callable[[Writer], Awaitable[None]]


def note(text: str) -> Callable[[Sql], str]:
    def job(connection: Sql) -> str:
        connection.execute("INSERT INTO notes VALUES (?)", (text,))
        return text

    return job


def notes(connection: Sql) -> list[str]:
    return [row[0] for row in connection.execute("SELECT text FROM notes ORDER BY rowid")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "notes.db"
    with closing(sqlite3.connect(found)) as connection:
        connection.execute("CREATE TABLE notes (text TEXT UNIQUE)")
    return found


@pytest.fixture(params=["real", "virtual"])
def tell(request: pytest.FixtureRequest, path: Path) -> Callable[[Story], None]:
    """Tells a story to a writer, in real or in virtual time."""

    def tell_real(story: Story) -> None:
        async def with_writer() -> None:
            await story(SqliteWriter(path))

        asyncio.run(with_writer())

    def tell_virtual(story: Story) -> None:
        async def with_writer() -> None:
            await story(VirtualWriter(path))

        run(with_writer())

    return tell_real if request.param == "real" else tell_virtual


def test_jobs_are_done_in_the_order_of_their_arrival_and_known_in_it(tell: Callable[[Story], None]) -> None:
    async def story(writer: Writer) -> None:
        done: list[str] = []

        async def write(text: str) -> None:
            done.append(await writer.run(note(text)))

        await asyncio.gather(*(write(str(number)) for number in range(20)))
        assert done == [str(number) for number in range(20)] == await writer.run(notes)
        await writer.aclose()

    tell(story)


def test_a_job_that_fails_fails_alone_and_leaves_nothing(tell: Callable[[Story], None]) -> None:
    async def story(writer: Writer) -> None:
        jobs = [writer.run(note(text)) for text in ("a", "b", "a", "c")]
        results = await asyncio.gather(*jobs, return_exceptions=True)
        assert [type(result) for result in results] == [str, str, sqlite3.IntegrityError, str]
        assert await writer.run(notes) == ["a", "b", "c"]
        await writer.aclose()

    tell(story)


def test_the_job_of_a_caller_that_leaves_is_done_all_the_same(tell: Callable[[Story], None]) -> None:
    async def story(writer: Writer) -> None:
        leaving = asyncio.ensure_future(writer.run(note("a")))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await writer.run(notes) == ["a"]
        assert leaving.cancelled()
        await writer.aclose()

    tell(story)


def test_a_closed_one_takes_nothing_more(tell: Callable[[Story], None]) -> None:
    async def story(writer: Writer) -> None:
        await writer.run(note("a"))
        await writer.aclose()
        with pytest.raises(StoreClosedError):
            await writer.run(note("b"))

    tell(story)


def test_the_virtual_one_makes_durable_what_its_commit_has_reached_and_no_more(path: Path) -> None:
    @in_virtual_time
    async def story() -> None:
        writer = VirtualWriter(path)
        job = asyncio.ensure_future(writer.run(note("a")))
        await asyncio.sleep(COMMIT_SEC / 2)
        assert notes(writer.connection) == []
        await job
        assert asyncio.get_running_loop().time() == START + COMMIT_SEC
        assert notes(writer.connection) == ["a"]
        await writer.aclose()

    story()
