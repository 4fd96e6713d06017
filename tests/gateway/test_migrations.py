"""A database of the version before is taken over as it is."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from novakit.clock import FakeClock
from novakit.database import SqliteDatabase
from sqlalchemy import event
from sqlalchemy.engine import Engine

from services.gateway.app.config import Settings
from services.gateway.app.credentials import digest
from services.gateway.app.main import MIGRATIONS
from services.gateway.app.store.tables import HEAD

from .running import BEARER, KEY, running

FIRST = "0001"
OWNER = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture
def older(settings: Settings) -> Path:
    """The database of an owner with a key and a browser."""
    path = settings.novacore_data_dir / "gateway.db"
    path.unlink()
    SqliteDatabase(path).upgrade(MIGRATIONS, FIRST)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO users VALUES (?, 'admin', 1)", [OWNER])
        rows = [("1", "api_key", "bootstrap", digest(KEY)), ("2", "browser", "link", digest("session"))]
        for name, kind, title, hashed in rows:
            connection.execute(
                "INSERT INTO credentials (id, user_id, kind, name, hash, created_at) VALUES (?, ?, ?, ?, ?, 1)",
                [name, OWNER, kind, title, hashed],
            )
    return path


@pytest.mark.usefixtures("older")
async def test_the_owner_and_their_keys_stay_as_powerful_as_they_were(settings: Settings, clock: FakeClock) -> None:
    async with running(settings, clock) as gateway:
        me = (await gateway.get("/api/auth/me", BEARER)).json()
        keys = (await gateway.get("/api/auth/keys", BEARER)).json()["keys"]

    assert (me["user_id"], me["role"], me["name"]) == (OWNER, "admin", None)
    assert [(key["name"], key["scope"]) for key in keys] == [("bootstrap", "admin")]


@pytest.mark.parametrize("survived", [3, 6, 12])
def test_a_migration_that_is_cut_short_has_changed_nothing(older: Path, survived: int) -> None:
    done: list[str] = []

    def cut(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        changing = statement.lstrip().startswith(("ALTER", "CREATE", "DROP", "DELETE"))
        if changing and len(done) == survived:
            raise KeyboardInterrupt
        done.extend([statement] if changing else [])

    event.listen(Engine, "before_cursor_execute", cut)
    try:
        with pytest.raises(KeyboardInterrupt):
            SqliteDatabase(older).upgrade(MIGRATIONS, HEAD)
    finally:
        event.remove(Engine, "before_cursor_execute", cut)
    with closing(sqlite3.connect(older)) as connection:
        kinds = connection.execute("SELECT kind FROM credentials ORDER BY id").fetchall()
        names = {row[1] for row in connection.execute("PRAGMA table_info(users)")}

    assert kinds == [("api_key",), ("browser",)]
    assert names == {"id", "role", "created_at"}
    SqliteDatabase(older).upgrade(MIGRATIONS, HEAD)
    assert asyncio.run(SqliteDatabase(older).revision()) == HEAD
