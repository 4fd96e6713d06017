"""Looks at a service's database without changing anything: whether it can be read, is sound, and fits the code."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from .clock import Clock
from .database_url import shown
from .findings import Finding

CHECK = "database"
MOST_SECONDS = 20.0
"""How long the check of the whole content may take; a large database is then only partly looked at."""
BUSY_SECONDS = 5.0
_STEPS = 100_000
_RESTORE = "Stop NovaCore and put back a copy from before; or move the file away, and begin anew."
_GIVE_IT_BACK = "Give it back to the user who runs NovaCore (chown, chmod u+rw), or set NOVACORE_DATA_DIR."


@dataclass(frozen=True, slots=True)
class Where:
    """What ``open_database`` makes a service's database of."""

    url: SecretStr | None
    data_dir: Path
    service: str


async def examine(where: Where, scripts: Path, head: str, clock: Clock) -> Finding:
    """What there is to say of this database, for code that works with revision ``head`` of the ``scripts``."""
    if where.url is not None:
        return await _ask(where.url, where, scripts, head)
    path = where.data_dir / f"{where.service}.db"
    return await asyncio.to_thread(inspect, path, scripts, head, where.service, clock)


async def _ask(url: SecretStr, where: Where, scripts: Path, head: str) -> Finding:
    from .database import DatabaseError, open_database  # noqa: PLC0415 (a look at files needs none of it)

    subject, name = where.service, f"PostgreSQL at {shown(url.get_secret_value())}"
    try:
        revision = await open_database(url, where.data_dir, subject).revision()
    except DatabaseError as error:
        return Finding("fault", subject, CHECK, str(error), "Set DATABASE_URL, or start that server.")
    if revision is not None and revision not in _known(scripts):
        return _newer(name, subject, revision, head, "DATABASE_URL")
    later = "" if revision == head else "; the next start brings it up to date"
    return Finding("ok", subject, CHECK, f"{name} answers{later}.")


def inspect(path: Path, scripts: Path, head: str, subject: str, clock: Clock) -> Finding:
    """What there is to say of the database at ``path``, for code that works with revision ``head``.

    ``scripts`` are its migrations, whose files begin with the revision that they lead to. Blocks.
    """
    try:
        path.open("rb").close()
    except FileNotFoundError:
        return Finding("ok", subject, CHECK, f"{path} is not there yet; the first start makes it.")
    except OSError as error:
        return Finding("fault", subject, CHECK, f"{path} cannot be read: {error.strerror}.", _GIVE_IT_BACK)
    try:
        with closing(_open(path)) as connection:
            revision = _revision(connection)
            if revision is not None and revision not in _known(scripts):
                return _newer(str(path), subject, revision, head, "NOVACORE_DATA_DIR")
            return _sound(connection, path, subject, clock, due=revision != head)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            text = f"{path} is locked by whoever works with it, and was not looked at."
            return Finding("skipped", subject, CHECK, text)
        return Finding("fault", subject, CHECK, f"{path} cannot be read as a database: {error}.", _RESTORE)


def _open(path: Path) -> sqlite3.Connection:
    """A connection that leaves nothing behind, not even a file beside the database.

    Without a log beside it nobody works with the database now, and it can be read as a file that does not change.
    """
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    return sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, timeout=BUSY_SECONDS)


def _revision(connection: sqlite3.Connection) -> str | None:
    tables = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    if connection.execute(tables).fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _known(scripts: Path) -> set[str]:
    return {file.name.partition("_")[0] for file in (scripts / "versions").glob("*.py")}


def _newer(name: str, subject: str, revision: str, head: str, variable: str) -> Finding:
    text = f"{name} was written by a newer NovaCore (revision {revision}; this one knows up to {head})."
    return Finding("fault", subject, CHECK, text, f"Use that newer version, or another database: {variable}.")


def _sound(connection: sqlite3.Connection, path: Path, subject: str, clock: Clock, *, due: bool) -> Finding:
    started = clock.now()
    connection.set_progress_handler(lambda: clock.now() - started > MOST_SECONDS, _STEPS)
    try:
        row = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        text = f"{path} opens; it is large, so its content was checked for {MOST_SECONDS:g} s only."
        return Finding("ok", subject, CHECK, text)
    if row[0] != "ok":
        return Finding("fault", subject, CHECK, f"{path} is damaged ({row[0]}).", _RESTORE)
    later = "; the next start brings it up to date" if due else ""
    return Finding("ok", subject, CHECK, f"{path} opens and is sound{later}.")
