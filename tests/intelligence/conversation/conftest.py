"""A migrated, empty database."""

import sqlite3
from collections.abc import Iterator

import pytest
from novakit.database import SqliteDatabase

from services.intelligence.app.main import MIGRATIONS
from services.intelligence.app.store.tables import HEAD


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """To be copied."""
    path = tmp_path_factory.mktemp("template") / "intelligence.db"
    SqliteDatabase(path).upgrade(MIGRATIONS, HEAD)
    connection = sqlite3.connect(path)
    yield connection
    connection.close()
