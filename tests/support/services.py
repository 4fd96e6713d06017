"""Runs a service's app as it runs in production, on a free loopback port: in this event loop, or in a process."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from . import secrecy

ROOT = Path(__file__).parents[2]
START_SECONDS = 20.0


def listening_socket() -> socket.socket:
    """A socket that listens on a free port of the loopback."""
    # Only where the protocol is named does asyncio switch Nagle's algorithm off, which costs 40 ms an answer here.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    return listener


def free_port() -> int:
    """A port that nobody has now. For processes that must be told their port before they start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Server(uvicorn.Server):
    """Uvicorn without its pauses of 0.1 s: it ends as soon as its connections have."""

    async def begin(self, listener: socket.socket) -> None:
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(sockets=[listener])
        await self.on_tick(0)

    async def end(self) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        async with asyncio.timeout(START_SECONDS):
            while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 (uvicorn tells no one)
                await asyncio.sleep(0.001)
        await self.lifespan.shutdown()


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """Serve the app from this event loop, with its lifespan; gives its address. Ends when its requests have ended."""
    listener = listening_socket()
    config = uvicorn.Config(
        app, interface="asgi3", lifespan="on", http="httptools", ws="none", log_config=None, access_log=False
    )
    server = _Server(config)
    with listener:
        await server.begin(listener)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            await server.end()


class ServiceProcess:
    """One service in a process of its own, started as ``python -m novacore serve`` does it."""

    def __init__(self, service: str, environ: Mapping[str, str], log: Path) -> None:
        """``environ`` is all that the process sees, beside what Python needs; ``log`` takes both its outputs."""
        self._service = service
        self._port = free_port()
        self._environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "libs" / "novakit" / "src")]),
            f"{service.upper()}_PORT": str(self._port),
            **environ,
        }
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Return when it takes connections; raises AssertionError with its output where it does not."""
        process = self._spawn()
        async with asyncio.timeout(START_SECONDS):
            while not await self._answers():
                if process.poll() is not None:
                    raise AssertionError(f"{self._service} did not start:\n{self._log.read_text()}")
                await asyncio.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL: the process gets no chance to tidy up."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait for it."""
        self._end(signal.SIGTERM)

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "novacore", "serve", self._service]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self._environ, cwd=self._log.parent, stdout=log, stderr=log)
        return self._process

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=START_SECONDS)
            self._process = None
            secrecy.look_at(self._log.read_text(errors="replace"))

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True
