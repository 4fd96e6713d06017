"""What is said of a database, and that looking at it leaves no trace."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from novakit import database_check
from novakit.clock import FakeClock
from novakit.database import SqliteDatabase
from novakit.findings import Finding
from pydantic import SecretStr

import services
from services.memory.app.store import tables
from tests.support.databases import ON_POSTGRES, Databases, Kind
from tests.support.services import free_port

SCRIPTS = Path(next(iter(services.__path__))) / "memory" / "app" / "store" / "migrations"


class Racing(FakeClock):
    """A clock on which a minute passes whenever somebody looks."""

    def now(self) -> float:
        self.advance(60)
        return super().now()


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "memory.db"
    SqliteDatabase(path).upgrade(SCRIPTS, tables.HEAD)
    return path


@pytest.fixture
def path(migrated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(migrated, tmp_path / "memory.db"))


def write(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def inspect(path: Path, clock: FakeClock | None = None) -> Finding:
    return database_check.inspect(path, SCRIPTS, tables.HEAD, "memory", clock or FakeClock())


def test_a_sound_database_is_fine_and_is_left_as_it_was(path: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in path.parent.iterdir()}
    assert inspect(path) == Finding("ok", "memory", "database", f"{path} opens and is sound.")
    assert {file: file.stat().st_mtime_ns for file in path.parent.iterdir()} == before


def test_a_database_is_looked_at_while_a_service_writes_to_it(path: Path) -> None:
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("INSERT INTO preferences (user_id) VALUES ('a')")
        assert path.with_name("memory.db-wal").exists()
        assert inspect(path).level == "ok"
        writer.execute("INSERT INTO preferences (user_id) VALUES ('b')")
        writer.commit()


def test_a_database_that_somebody_has_to_himself_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_check, "BUSY_SECONDS", 0)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA locking_mode=EXCLUSIVE")
        writer.execute("INSERT INTO preferences (user_id) VALUES ('a')")
        assert inspect(path).level == "skipped"


def test_a_database_that_is_not_there_yet_is_fine_and_not_made(tmp_path: Path) -> None:
    finding = inspect(tmp_path / "memory.db")
    assert finding.level == "ok"
    assert "the first start makes it" in finding.text
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_waits_for_its_migration_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    path.touch()
    assert inspect(path).text == f"{path} opens and is sound; the next start brings it up to date."


def test_a_database_of_a_newer_novacore_is_a_fault(path: Path) -> None:
    write(path, "UPDATE alembic_version SET version_num = '0999'")
    finding = inspect(path)
    assert finding.level == "fault"
    assert finding.text == (
        f"{path} was written by a newer NovaCore (revision 0999; this one knows up to {tables.HEAD})."
    )
    assert "NOVACORE_DATA_DIR" in finding.advice


def test_a_damaged_database_is_a_fault(path: Path) -> None:
    write(
        path,
        "CREATE INDEX by_order ON preferences (provider_order)",
        "INSERT INTO preferences (user_id, provider_order) VALUES ('a', '[]')",
    )
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'preferences'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    finding = inspect(path)
    assert finding.level == "fault"
    assert "is damaged" in finding.text or "cannot be read as a database" in finding.text
    assert "put back a copy" in finding.advice


def test_a_file_that_is_no_database_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    path.write_bytes(b"just some text, long enough to be looked at" * 50)
    finding = inspect(path)
    assert finding.level == "fault"
    assert finding.text == f"{path} cannot be read as a database: file is not a database."


def test_what_cannot_be_opened_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    path.mkdir()
    finding = inspect(path)
    assert finding.level == "fault"
    assert finding.text == f"{path} cannot be read: Is a directory."


def test_a_large_database_is_looked_at_for_a_while_only(path: Path) -> None:
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
    write(path, f"INSERT INTO preferences (user_id) {rows} SELECT i FROM n")
    finding = inspect(path, Racing())
    assert finding.level == "ok"
    assert "checked for 20 s only" in finding.text


async def test_a_folders_database_is_looked_at_by_its_name(path: Path) -> None:
    where = database_check.Where(None, path.parent, "memory")
    finding = await database_check.examine(where, SCRIPTS, tables.HEAD, FakeClock())
    assert finding == Finding("ok", "memory", "database", f"{path} opens and is sound.")


@ON_POSTGRES
async def test_postgresql_is_asked_whether_it_answers_and_fits(
    tmp_path: Path, kind: Kind, request: pytest.FixtureRequest
) -> None:
    databases = Databases("memory", SCRIPTS, tables.HEAD, tmp_path, lambda: request.getfixturevalue("postgres"))
    with databases.make(kind, tmp_path) as made:
        where = database_check.Where(made.url, tmp_path, "memory")

        async def told() -> tuple[str, str]:
            finding = await database_check.examine(where, SCRIPTS, tables.HEAD, FakeClock())
            return finding.level, finding.text

        level, text = await told()
        assert (level, text.partition(" at ")[0], text.rpartition(" ")[2]) == ("ok", "PostgreSQL", "answers.")
        with made.beside() as connection:
            connection.execute("UPDATE alembic_version SET version_num = '0999'")
        assert (await told())[0] == "fault"
        with made.beside() as connection:
            connection.execute("DROP TABLE alembic_version")
        assert (await told())[1].endswith("answers; the next start brings it up to date.")


async def test_a_postgresql_that_does_not_answer_is_a_fault(tmp_path: Path) -> None:
    url = SecretStr(f"postgresql+asyncpg://nova:secret@127.0.0.1:{free_port()}/nova")
    where = database_check.Where(url, tmp_path, "memory")
    finding = await database_check.examine(where, SCRIPTS, tables.HEAD, FakeClock())
    assert (finding.level, "DATABASE_URL" in finding.text, "secret" in finding.text) == ("fault", True, False)
