"""SQLite as every service uses it."""

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from novakit import database
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

import services
from services.intelligence.app.store import tables

SERVICES = Path(next(iter(services.__path__)))
INTELLIGENCE = SERVICES / "intelligence" / "app" / "store" / "migrations"


def migrated(path: Path) -> Path:
    database.upgrade(path, INTELLIGENCE, tables.HEAD)
    return path


def test_a_new_database_is_made_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "intelligence.db"
    assert database.revision(path) is None
    database.migrate(path, INTELLIGENCE, tables.HEAD)
    assert database.revision(path) == tables.HEAD
    assert not list(path.parent.glob("*-wal"))


def test_a_database_that_is_up_to_date_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = migrated(tmp_path / "intelligence.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO sessions (id, user_id, title, status, local_only, created_at, updated_at)"
            " VALUES ('a', 'b', 'c', 'active', 0, 1, 1)"
        )
        connection.commit()
    monkeypatch.setattr(subprocess, "run", None)
    database.migrate(path, INTELLIGENCE, tables.HEAD)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT id FROM sessions").fetchall() == [("a",)]


def test_an_empty_file_is_no_database_yet(tmp_path: Path) -> None:
    path = tmp_path / "intelligence.db"
    path.touch()
    assert database.revision(path) is None
    migrated(path)
    assert database.revision(path) == tables.HEAD


def test_a_migration_that_fails_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        database.migrate(tmp_path / "intelligence.db", INTELLIGENCE, "no-such-revision")
    assert "no-such-revision" in capfd.readouterr().err


@pytest.mark.parametrize("folder", ["50% off", "what?", "a#b", "a b&c=d", "ünïcödé"])
async def test_a_folder_may_have_any_name(tmp_path: Path, folder: str) -> None:
    scripts = tmp_path / folder / "migrations"
    scripts.parent.mkdir()
    scripts.symlink_to(INTELLIGENCE)
    path = tmp_path / folder / "intelligence.db"
    database.upgrade(path, scripts, tables.HEAD)
    engine = database.async_engine(path)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM sessions"))).scalar_one() == 0
    await engine.dispose()
    assert database.revision(path) == tables.HEAD


async def test_a_fresh_database_is_what_the_tables_say(tmp_path: Path) -> None:
    engine = database.async_engine(migrated(tmp_path / "intelligence.db"))
    async with engine.connect() as connection:
        found = await connection.run_sync(
            lambda plain: compare_metadata(MigrationContext.configure(plain), tables.metadata)
        )
    await engine.dispose()
    assert found == []


async def test_what_is_committed_outlives_a_power_cut_and_parents_must_be_there(tmp_path: Path) -> None:
    engine = database.async_engine(migrated(tmp_path / "intelligence.db"))
    async with engine.connect() as connection:
        found = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    await engine.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


async def test_an_error_does_not_quote_what_was_to_be_stored(tmp_path: Path) -> None:
    engine = database.async_engine(tmp_path / "empty.db")
    async with engine.connect() as connection:
        with pytest.raises(OperationalError) as failed:
            await connection.execute(text("SELECT * FROM nowhere WHERE title = :title"), {"title": "my words"})
    await engine.dispose()
    assert "nowhere" in str(failed.value)
    assert "my words" not in str(failed.value)
