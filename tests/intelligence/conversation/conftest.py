"""A migrated, empty database, and the app."""

import sqlite3
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from novakit.database import SqliteDatabase

from services.intelligence.app.config import Settings
from services.intelligence.app.main import MIGRATIONS, create_app
from services.intelligence.app.store.tables import HEAD
from tests.intelligence.conversation.service import SECRET
from tests.support.virtual_time import VirtualLoop


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """To be copied."""
    path = tmp_path_factory.mktemp("template") / "intelligence.db"
    SqliteDatabase(path).upgrade(MIGRATIONS, HEAD)
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    """The app, without a wiring of its own."""
    # Prices are read in a thread, which knows no virtual time; what a call costs is not the question.
    monkeypatch.setattr(VirtualLoop, "run_in_executor", lambda *_call: None)
    return create_app(Settings.load({"SERVICE_JWT_SECRET": SECRET}))
