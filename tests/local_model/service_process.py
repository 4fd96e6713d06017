"""Starts the service as a process, and talks to it over plain sockets."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class ServiceProcess:
    process: "subprocess.Popen[str]"
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, method: str, path: str, body: Any = None) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, None if body is None else json.dumps(body), {"Connection": "close"})
        return connection.getresponse()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        with self.send(method, path, body) as answer:
            return answer.status, json.loads(answer.read())

    def metric(self, line: str) -> float:
        """The value of a metric, by its name and labels as they are written."""
        with self.send("GET", "/metrics") as answer:
            rows = answer.read().decode().splitlines()
        return next((float(row.rpartition(" ")[2]) for row in rows if row.startswith(f"{line} ")), 0.0)

    def until_metric(self, line: str, value: float, within: float = 30.0) -> None:
        """Wait until the service itself says so."""
        deadline = time.monotonic() + within
        while self.metric(line) != value:
            assert time.monotonic() < deadline, f"{line} did not become {value}"

    def proc(self, name: str) -> str:
        """A file of the kernel's about the process."""
        return Path(f"/proc/{self.process.pid}/{name}").read_text(encoding="utf-8")


@contextmanager
def service_process(**settings: str) -> Iterator[ServiceProcess]:
    """The service with these settings; it accepts connections at once, and answers when it has started."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LOCAL_MODEL_")}
    path = os.pathsep.join([str(ROOT), str(ROOT / "libs" / "novakit" / "src")])
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("run_service.py"))],
        cwd=ROOT,
        env={**environ, "PYTHONPATH": path, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield ServiceProcess(process, int(process.stdout.readline()))
        finally:
            process.kill()
