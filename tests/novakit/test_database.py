"""The database of a service, on SQLite and on PostgreSQL."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from novakit.database import Database, DatabaseError, SqliteDatabase, open_database, upsert
from novakit.database.base import upgrade_elsewhere
from novakit.database.sqlite import begin_wal
from pydantic import SecretStr
from sqlalchemy import Connection, MetaData, Table, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

import services
from services.gateway.app.store import tables as gateway
from services.intelligence.app.store import tables as intelligence
from services.intelligence.app.store.search import INDEX as PROMPTS_SEARCH
from services.intelligence.app.store.search import SEARCHABLE
from services.memory.app.store import tables as memory
from services.memory.app.store.tables import SEARCH as FACTS_SEARCH
from tests.support.databases import BOTH, Kind
from tests.support.postgres import PostgresServer

SERVICES = Path(next(iter(services.__path__)))
TABLES: dict[str, tuple[MetaData, str]] = {
    "gateway": (gateway.metadata, gateway.HEAD),
    "intelligence": (intelligence.metadata, intelligence.HEAD),
    "memory": (memory.metadata, memory.HEAD),
}
SCRIPTS = {name: SERVICES / name / "app" / "store" / "migrations" for name in TABLES}
HEAD = intelligence.HEAD
AT_ONCE = 4
UNNAMED = {"prompts_running"}
"""What the migrations make and the tables leave out; tables.py says why."""


@pytest.fixture
def url(kind: Kind, request: pytest.FixtureRequest) -> Iterator[SecretStr | None]:
    """The URL of an empty database; None for SQLite."""
    if kind == "sqlite":
        yield None
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = server.create()
    yield SecretStr(server.url(name))
    server.drop(name)


@pytest.fixture
def database(url: SecretStr | None, tmp_path: Path) -> Database:
    """Intelligence's, not there yet."""
    return open_database(url, tmp_path / "data", "intelligence")


async def migrated(database: Database) -> Database:
    await asyncio.to_thread(database.upgrade, SCRIPTS["intelligence"], HEAD)
    return database


@BOTH
async def test_a_new_database_is_made_and_then_left_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await database.revision() is None
    await database.migrate(SCRIPTS["intelligence"], HEAD)
    assert await database.revision() == HEAD
    monkeypatch.setattr(subprocess, "run", None)
    await database.migrate(SCRIPTS["intelligence"], HEAD)


@BOTH
async def test_of_several_that_migrate_at_once_all_find_it_done(database: Database) -> None:
    address = database.address()
    await asyncio.gather(
        *(upgrade_elsewhere(address, SCRIPTS["intelligence"], HEAD) for _ in range(AT_ONCE)),
    )
    assert await database.revision() == HEAD


def test_of_several_that_begin_a_new_file_at_once_nobody_is_turned_away(tmp_path: Path) -> None:
    together = threading.Barrier(AT_ONCE)

    def begin(path: Path) -> None:
        together.wait(30)
        begin_wal(path)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(50):
            list(pool.map(begin, [tmp_path / f"{number}.db"] * AT_ONCE))


@BOTH
@pytest.mark.parametrize("service", TABLES)
async def test_a_fresh_database_is_what_the_tables_say(url: SecretStr | None, tmp_path: Path, service: str) -> None:
    metadata, head = TABLES[service]
    database = open_database(url, tmp_path, service)
    await asyncio.to_thread(database.upgrade, SCRIPTS[service], head)
    engine = database.engine()

    def named(name: str | None, *_rest: object) -> bool:
        # The full-text index is nothing that tables can say.
        return name not in UNNAMED and not (name or "").startswith((FACTS_SEARCH, PROMPTS_SEARCH, SEARCHABLE))

    def difference(connection: Connection) -> Any:
        context = MigrationContext.configure(connection, opts={"include_name": named})
        return compare_metadata(context, metadata)

    async with engine.connect() as connection:
        assert await connection.run_sync(difference) == []
    await engine.dispose()


@BOTH
async def test_services_in_one_database_do_not_meet(url: SecretStr | None, tmp_path: Path) -> None:
    for service, (_, head) in TABLES.items():
        database = open_database(url, tmp_path, service)
        assert await database.revision() is None
        await asyncio.to_thread(database.upgrade, SCRIPTS[service], head)
        assert await database.revision() == head


@BOTH
async def test_a_migration_that_fails_is_told_and_leaves_nothing(
    database: Database, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    scripts = tmp_path / "scripts"
    (scripts / "versions").mkdir(parents=True)
    (scripts / "env.py").write_text((SCRIPTS["intelligence"] / "env.py").read_text())
    (scripts / "versions" / "0001_half.py").write_text(
        "from alembic import op\nimport sqlalchemy as sa\nrevision, down_revision = '0001', None\n"
        "def upgrade():\n    op.create_table('half', sa.Column('id', sa.Integer))\n    op.execute('NONSENSE')\n"
    )
    with pytest.raises(DatabaseError, match=r"^The database of intelligence could not be migrated to revision 0001"):
        await database.migrate(scripts, "0001")
    assert "NONSENSE" in capfd.readouterr().err
    engine = database.engine()
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError, match="half"):
            await connection.execute(text("SELECT * FROM half"))
    await engine.dispose()


@BOTH
async def test_a_database_of_a_newer_version_is_refused(
    database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    await migrated(database)
    engine = database.engine()
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    with pytest.raises(DatabaseError):
        await database.migrate(SCRIPTS["intelligence"], HEAD)
    assert capfd.readouterr().err == (
        "The database is at revision 9999, which this version does not know: a newer one has migrated it.\n"
    )


@BOTH
async def test_an_upsert_replaces_what_is_there(database: Database) -> None:
    engine = (await migrated(database)).engine()
    instances: Table = intelligence.instances
    for seen_at in (1, 2):
        change = upsert(engine, instances).values(id="a", seen_at=seen_at)
        async with engine.begin() as connection:
            await connection.execute(
                change.on_conflict_do_update(index_elements=["id"], set_={"seen_at": change.excluded.seen_at})
            )
    async with engine.connect() as connection:
        assert (await connection.execute(select(instances))).all() == [("a", 2)]
    await engine.dispose()


@BOTH
async def test_a_name_is_locked_by_one_transaction_at_a_time(database: Database) -> None:
    """Each reads a number and writes one more: without the lock, one of two would be lost."""
    engine = (await migrated(database)).engine()
    instances: Table = intelligence.instances

    async def count() -> None:
        async with engine.begin() as connection:
            await database.lock(connection, "count")
            found = await connection.scalar(select(instances.c.seen_at))
            await connection.execute(instances.delete())
            await connection.execute(instances.insert().values(id="a", seen_at=(found or 0) + 1))

    await asyncio.gather(*(count() for _ in range(8)))
    async with engine.connect() as connection:
        assert await connection.scalar(select(instances.c.seen_at)) == 8
    await engine.dispose()


@BOTH
async def test_an_error_does_not_quote_what_was_to_be_stored(database: Database) -> None:
    engine = (await migrated(database)).engine()
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError) as failed:
            await connection.execute(text("SELECT * FROM nowhere WHERE title = :title"), {"title": "my words"})
    await engine.dispose()
    assert "nowhere" in str(failed.value)
    assert "my words" not in str(failed.value)


def test_sqlite_loads_nothing_of_postgresql() -> None:
    code = (
        "import sys; from pathlib import Path; from novakit.database import open_database\n"
        "import services.intelligence.app.main\n"
        "open_database(None, Path(), 'memory').engine()\n"
        "print([name for name in sys.modules if 'asyncpg' in name or 'dialects.postgresql' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_empty_file_is_no_database_yet(tmp_path: Path) -> None:
    path = tmp_path / "intelligence.db"
    path.touch()
    database = SqliteDatabase(path)
    assert asyncio.run(database.revision()) is None
    database.upgrade(SCRIPTS["intelligence"], HEAD)
    assert asyncio.run(database.revision()) == HEAD


@pytest.mark.parametrize("folder", ["50% off", "what?", "a#b", "a b&c=d", "ünïcödé"])
async def test_a_folder_may_have_any_name(tmp_path: Path, folder: str) -> None:
    scripts = tmp_path / folder / "migrations"
    scripts.parent.mkdir()
    scripts.symlink_to(SCRIPTS["intelligence"])
    database = SqliteDatabase(tmp_path / folder / "intelligence.db")
    database.upgrade(scripts, HEAD)
    engine = database.engine()
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM sessions"))).scalar_one() == 0
    await engine.dispose()
    assert await database.revision() == HEAD


async def test_what_is_committed_outlives_a_power_cut_and_parents_must_be_there(tmp_path: Path) -> None:
    engine = SqliteDatabase(tmp_path / "intelligence.db").engine()
    async with engine.connect() as connection:
        found = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    await engine.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


def test_titles_that_were_there_before_can_be_searched(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "intelligence.db")
    database.upgrade(SCRIPTS["intelligence"], "0004")
    with closing(sqlite3.connect(database.path)) as connection:
        connection.execute(
            "INSERT INTO sessions (id, user_id, title, status, local_only, created_at, updated_at)"
            " VALUES ('a', 'b', 'Straße', 'active', 0, 1, 1)"
        )
        connection.commit()
    database.upgrade(SCRIPTS["intelligence"], HEAD)
    with closing(sqlite3.connect(database.path)) as connection:
        assert connection.execute("SELECT folded_title FROM sessions").fetchall() == [("strasse",)]


# aiosqlite's thread ends a failed connection by itself, perhaps only after this loop has.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_path_that_cannot_be_is_an_error(tmp_path: Path) -> None:
    engine = SqliteDatabase(tmp_path / "missing" / "a.db").engine()
    with pytest.raises(OperationalError):
        async with engine.connect():
            pass
    await engine.dispose()
