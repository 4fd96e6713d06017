"""A real Prometheus, a real Alertmanager, and somebody whom it tells."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.services import ROOT, free_port

from . import programs

START_SECONDS = 30.0
ASK_SECONDS = 20.0


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def at(self, expr: str, when: float) -> list[Any]:
        """What the expression gives at that time (seconds since 1970)."""
        return self._ask("query", query=expr, time=f"{when:.3f}")

    def over(self, expr: str, start: float, end: float, step: float) -> list[Any]:
        """What it gives from then to then, at each step of so many seconds."""
        return self._ask("query_range", query=expr, start=f"{start:.3f}", end=f"{end:.3f}", step=f"{step:.0f}")

    def _ask(self, kind: str, **parameters: str) -> list[Any]:
        request = urllib.request.Request(f"{self.url}/api/v1/{kind}", urlencode(parameters).encode())
        try:
            with urllib.request.urlopen(request, timeout=ASK_SECONDS) as response:
                found: list[Any] = json.load(response)["data"]["result"]
                return found
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters['query']}: {error.read().decode()}") from None


@contextmanager
def prometheus(program: Path, folder: Path, configuration: Path, *options: str) -> Iterator[Prometheus]:
    """Run it on the data in the folder."""
    data = f"--storage.tsdb.path={folder / 'data'}"
    options = (f"--config.file={configuration}", data, "--storage.tsdb.retention.time=60d", *options)
    with _running(program, folder, options) as url:
        yield Prometheus(url)


@contextmanager
def alertmanager(program: Path, folder: Path, configuration: Path) -> Iterator[str]:
    """Run it; its address."""
    options = (f"--config.file={configuration}", f"--storage.path={folder / 'told'}", "--cluster.listen-address=")
    with _running(program, folder, options) as url:
        yield url


@contextmanager
def _running(program: Path, folder: Path, options: Sequence[str]) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = folder / f"{program.name}.log"
    command = [sys.executable, "-m", "tests.support.tethered", *found(programs.command(program)), *options]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{port}"],
            stdout=out,
            stderr=out,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    try:
        until = time.monotonic() + START_SECONDS
        while not _ready(url):
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(log.read_text(encoding="utf-8"))
            time.sleep(0.02)
        yield url
    finally:
        process.terminate()
        process.wait()


def found(command: list[str]) -> list[str]:
    """The command, with the whole path of its program."""
    return [shutil.which(command[0]) or command[0], *command[1:]]


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=ASK_SECONDS) as response:
            return bool(response.status == 200)
    except OSError:
        return False


class Pager:
    """Whoever is called by Alertmanager's webhook."""

    def __init__(self) -> None:
        self._told: list[Any] = []
        self._changed = threading.Condition()
        pager = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.end_headers()
                pager.take(json.loads(body))

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """Where it is called."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/"

    @property
    def calls(self) -> int:
        """How much has been told so far."""
        return len(self._told)

    def take(self, call: Any) -> None:
        """Book a call."""
        with self._changed:
            self._told += call["alerts"]
            self._changed.notify_all()

    def told(self, alert: str, status: str, *, within: float, since: int = 0) -> Any:
        """The first word that it is firing, or resolved; raises AssertionError where none comes in time."""

        def found() -> Any:
            named = [one for one in self._told[since:] if one["labels"]["alertname"] == alert]
            return next((one for one in named if one["status"] == status), None)

        with self._changed:
            self._changed.wait_for(found, within)
            told = found()
        assert told is not None, f"{alert} was not {status}: {self._told}"
        return told


@contextmanager
def pager() -> Iterator[Pager]:
    """Somebody who is there."""
    answering = Pager()
    thread = threading.Thread(target=answering.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield answering
    finally:
        answering.server.shutdown()
        answering.server.server_close()
        thread.join()
