"""Processes under test: started, waited for, measured from /proc, ended."""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ALL_CORES = sorted(os.sched_getaffinity(0))


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Running:
    """One process and what it took to start it."""

    name: str
    process: "subprocess.Popen[bytes]"
    ready_sec: float = 0.0

    def cpu_sec(self) -> float:
        """Seconds of CPU that its living threads and those of its children had, as the scheduler counts them."""
        return sum(_cpu(pid) for pid in (self.process.pid, *_children(self.process.pid)))

    def memory_mb(self) -> float:
        """Resident memory in MB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0.0

    def stop(self) -> None:
        """End it and wait."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def keep_to(pid: int, *, measured: bool) -> None:
    """What is measured has the first core for itself; the mock and the load share the others."""
    if len(ALL_CORES) > 1:
        os.sched_setaffinity(pid, {ALL_CORES[0]} if measured else set(ALL_CORES[1:]))


def start(
    name: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    ready_url: str,
    log: Path,
    *,
    measured: bool = True,
) -> Running:
    """Start and wait until the address answers; raises RuntimeError with the log's end where it does not."""
    began = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=dict(environment), stdout=out, stderr=subprocess.STDOUT)
    keep_to(process.pid, measured=measured)
    running = Running(name, process)
    while time.perf_counter() - began < 30:
        if process.poll() is not None:
            break
        if _answers(ready_url):
            running.ready_sec = time.perf_counter() - began
            return running
        time.sleep(0.01)
    running.stop()
    raise RuntimeError(f"{name} did not become ready:\n{log.read_text()[-2000:]}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return bool(response.status < 500)
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def _cpu(pid: int) -> float:
    # In nanoseconds; the times in "stat" are in hundredths of a second, which is a lot of a short round.
    spent = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):
            spent += int((task / "schedstat").read_text().split()[0])
    return spent / 1e9


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *_children(int(child))]
    return found
