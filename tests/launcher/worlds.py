"""What the launcher's tests share: waiting with a deadline, and a folder where ``novacore`` finds fake services."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from novacore.topology import SERVICES

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0


def wait_until(what: str, holds: Callable[[], bool], seconds: float = PATIENCE) -> float:
    """Wait until something holds; the seconds that took. Fails with ``what`` after the deadline."""
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > seconds:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)
    return time.monotonic() - started


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def python_path() -> str:
    return os.pathsep.join([str(ROOT), str(ROOT / "libs" / "novakit" / "src")])


class World:
    """A folder with fake services, and the processes that a test starts in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": python_path(),
            "NOVACORE_PORT": str(self.port),
            "OLLAMA_URL": "http://127.0.0.1:9",
        }
        self._running: list[subprocess.Popen[str]] = []
        services = folder / "services"
        services.mkdir()
        (services / "__init__.py").touch()
        for row in SERVICES:
            app = services / row.name / "app"
            app.mkdir(parents=True)
            (app.parent / "__init__.py").touch()
            (app / "__init__.py").touch()
            shutil.copy(Path(__file__).with_name("fake_service.py"), app / "main.py")
            shutil.copy(Path(__file__).with_name("fake_doctor.py"), app / "doctor.py")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def start(self, *args: str, **environ: str) -> subprocess.Popen[str]:
        """``python -m novacore`` with these arguments; standard output goes to the file ``out``."""
        with (self.folder / "out").open("w", encoding="utf-8") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "novacore", *args],
                cwd=self.folder,
                env={**self.environ, **environ},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
            )
        self._running.append(process)
        return process

    def run(self, *args: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """The same, waited for, with its output captured."""
        return subprocess.run(
            [sys.executable, "-m", "novacore", *args],
            cwd=self.folder,
            env={**self.environ, **environ},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def out(self) -> str:
        """What the started process has written so far."""
        path = self.folder / "out"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def journal(self) -> list[str]:
        """What happened to the services, in order."""
        path = self.folder / "journal"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def record(self, name: str) -> Mapping[str, Any]:
        """What a service wrote down of itself at its start."""
        found: Mapping[str, Any] = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        return found

    def seen(self, name: str) -> dict[str, str]:
        """The environment that a service was given."""
        return dict(self.record(name)["environ"])

    def alive(self, name: str) -> bool:
        """Whether a service's process still runs, told by the lock that it holds."""
        path = self.folder / f"{name}.alive"
        if not path.exists():
            return False
        with path.open("r+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def any_alive(self, names: Iterable[str]) -> bool:
        return any(self.alive(name) for name in names)

    def ready(self, process: subprocess.Popen[str], marker: str = "Ctrl-C stops it.") -> None:
        """Wait until ``up`` has said that all is ready."""
        wait_until(f"{marker!r} in the output", lambda: marker in self.out() or process.poll() is not None)
        assert process.poll() is None, self.out()


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> int:
    """Send a signal and wait for the exit code."""
    process.send_signal(number)
    return process.wait(PATIENCE)
