"""An empty, migrated database of intelligence's for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.intelligence.app.main import MIGRATIONS
from services.intelligence.app.store.tables import HEAD
from tests.support.databases import Databases, Kind, MadeDatabase, Portable


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Databases:
    folder = tmp_path_factory.mktemp("template")
    return Databases("intelligence", MIGRATIONS, HEAD, folder, lambda: request.getfixturevalue("postgres"))


@pytest.fixture
def database(databases: Databases, kind: Kind, tmp_path: Path) -> Iterator[MadeDatabase]:
    """The test's own database."""
    with databases.make(kind, tmp_path) as made:
        yield made


@pytest.fixture
def connection(database: MadeDatabase) -> Iterator[Portable]:
    """A connection to it; each statement is a transaction."""
    with database.beside() as opened:
        yield opened
