"""An empty, migrated database for each test."""

import shutil
from pathlib import Path

import pytest
from novakit import database

from services.intelligence.app.main import MIGRATIONS
from services.intelligence.app.store.tables import HEAD


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; each test gets a copy."""
    path = tmp_path_factory.mktemp("template") / "intelligence.db"
    database.upgrade(path, MIGRATIONS, HEAD)
    return path


@pytest.fixture
def path(migrated: Path, tmp_path: Path) -> Path:
    """Where the test's own database is."""
    copied = tmp_path / "intelligence.db"
    shutil.copy(migrated, copied)
    return copied
