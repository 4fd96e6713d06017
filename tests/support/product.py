"""The whole product as a user starts it: ``python -m novacore up``, on free ports and in an empty folder."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from . import secrecy
from .fakes import FakeGemini, FakeOllama, ThreadedFake
from .services import ROOT, free_port

START_SECONDS = 60.0
_LINK = re.compile(r"(http://\S+/#signin=\S+)")


class Product:
    """A running product: its address, its sign-in link, its key, and what its terminal shows."""

    def __init__(self, data: Path, environ: Mapping[str, str]) -> None:
        self.data = data
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output: list[str] = []
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(data),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "libs" / "novakit" / "src")]),
            "NOVACORE_DATA_DIR": str(data),
            "NOVACORE_ENV_FILE": str(_no_settings(data)),
            "NOVACORE_PORT": str(self.port),
            **environ,
        }
        self._lines: Queue[str | None] = Queue()
        self.process = self._spawn()

    @property
    def key(self) -> str:
        """The API key that ``up`` made."""
        return (self.data / "secrets" / "novacore_bootstrap_api_key").read_text().strip()

    @property
    def link(self) -> str:
        """The one-time sign-in link."""
        found = next((match for line in self.output if (match := _LINK.search(line))), None)
        assert found is not None, self.output
        return found[1]

    def wait_for(self, text: str, *, within: float = START_SECONDS) -> str:
        """The next line of output that holds ``text``; raises AssertionError with all output where none comes."""
        while True:
            try:
                line = self._lines.get(timeout=within)
            except Empty:
                raise AssertionError(f"no line with {text!r}:\n" + "".join(self.output)) from None
            assert line is not None, f"ended without a line with {text!r}:\n" + "".join(self.output)
            if text in line:
                return line

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One JSON call with the key: status and decoded answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                text = response.read()
                return response.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    @contextmanager
    def stream(self, body: Any) -> Iterator[Iterator[str]]:
        """The lines of a streamed answer, as they come."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/chat/stream", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            yield (line.decode().rstrip("\n") for line in response)

    def novacore(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run ``python -m novacore …`` beside it, as in a second terminal."""
        command = [sys.executable, "-m", "novacore", *arguments]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=60, check=False)

    def novacore_in_background(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """The same, not waited for and not looked at."""
        command = [sys.executable, "-m", "novacore", *arguments]
        return subprocess.Popen(command, env=self.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def pid_of(self, service: str) -> int:
        """The process of one service."""
        for child in _children(self.process.pid):
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            if words[-2:-1] == [service.encode()]:
                return child
        raise AssertionError(f"{service} does not run")

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(START_SECONDS)

    def _spawn(self) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.tethered", sys.executable, "-m", "novacore", "up"],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        return process

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            secrecy.look_at(line)
            self.output.append(line)
            self._lines.put(line)
        self._lines.put(None)


def asking(ollama: ThreadedFake[FakeOllama], gemini: ThreadedFake[FakeGemini]) -> dict[str, str]:
    """The settings with which the product asks these two."""
    return {
        "OLLAMA_URL": ollama.url,
        "GEMINI_API_KEY": "g" * 40,
        "GEMINI_API_URL": gemini.url,
        "GEMINI_MODEL": gemini.fake.models[0],
    }


@contextmanager
def running(data: Path, **environ: str) -> Iterator[Product]:
    """The product, ready; ended with the block, whatever happens in it."""
    product = Product(data, environ)
    try:
        product.wait_for("Ctrl-C stops it")
        yield product
    finally:
        if product.process.poll() is None:
            product.process.send_signal(signal.SIGINT)
            try:
                product.process.wait(10)
            except subprocess.TimeoutExpired:
                product.process.kill()
        product.process.wait()
        if product.process.stdout is not None:
            product.process.stdout.close()


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _no_settings(data: Path) -> Path:
    """An empty ``.env``, so that the developer's own does not reach the test."""
    data.mkdir(parents=True, exist_ok=True)
    path = data / "empty.env"
    path.touch()
    return path
