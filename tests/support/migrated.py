"""The three databases of a product as its first start leaves them, made once in each process of a run."""

import atexit
import shutil
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path

from novakit.database import SqliteDatabase

from .services import ROOT

SERVICES = ("gateway", "intelligence", "memory")


def lay_out(data: Path) -> None:
    """Put empty databases into a data folder that has none: to migrate them takes a start two seconds of a core."""
    data.mkdir(parents=True, exist_ok=True)
    for made in _migrated().iterdir():
        if not (data / made.name).exists():
            shutil.copy(made, data / made.name)


@cache
def _migrated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="novacore-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for service in SERVICES:
        head = import_module(f"services.{service}.app.store.tables").HEAD
        database = SqliteDatabase(folder / f"{service}.db")
        database.upgrade(ROOT / "services" / service / "app" / "store" / "migrations", head)
    return folder
