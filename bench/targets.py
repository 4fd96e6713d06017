"""What is measured: the mock itself, a plain proxy before it, and NovaCore before it."""

import json
import os
import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from .load import Target
from .processes import Running, free_port, start

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("local_model", "memory", "intelligence", "gateway")
API_KEY = "nc_" + "bench" * 8
JWT_SECRET = "bench" * 8
QUESTION = "What does a plain request cost?"
BODY_HEAD = b"content-type: application/json\r\nhost: 127.0.0.1\r\n"


def start_mock(folder: Path) -> tuple[Running, int]:
    """The upstream of everything else."""
    port = free_port()
    command = [sys.executable, "-m", "bench.mock", str(port)]
    ready = f"http://127.0.0.1:{port}/api/version"
    return start("mock", command, os.environ, ready, folder / "mock.log", measured=False), port


def start_proxy(folder: Path, mock_port: int) -> tuple[Running, int]:
    """Nginx with one worker where it is found, else a bare aiohttp forwarder."""
    port = free_port()
    ready = f"http://127.0.0.1:{port}/api/version"
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if nginx is None:
        command = [sys.executable, "-m", "bench.forwarder", str(port), str(mock_port)]
        return start("aiohttp forwarder", command, os.environ, ready, folder / "forwarder.log"), port
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(port=port, mock=mock_port, folder=folder))
    command = [nginx, "-p", str(folder), "-c", str(config), "-e", str(folder / "nginx-error.log")]
    return start("nginx", command, os.environ, ready, folder / "nginx.log"), port


class NovaCore:
    """All services as they are run, with accounts, storage and metrics on. ``more`` are settings on top.

    ``program`` is the module that serves a service; those that are ``measured`` have a core for themselves.
    """

    def __init__(
        self,
        folder: Path,
        mock_port: int,
        more: Mapping[str, str] | None = None,
        *,
        program: str = "novacore",
        measured: Collection[str] = SERVICES,
    ) -> None:
        self._folder = folder
        self._program = program
        self._measured = measured
        self._ports = {name: free_port() for name in SERVICES}
        (folder / "empty.env").touch()
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")},
            "NOVACORE_DATA_DIR": str(folder / "data"),
            "NOVACORE_ENV_FILE": str(folder / "empty.env"),
            "NOVACORE_PORT": str(self._ports["gateway"]),
            "INTELLIGENCE_PORT": str(self._ports["intelligence"]),
            "MEMORY_PORT": str(self._ports["memory"]),
            "LOCAL_MODEL_PORT": str(self._ports["local_model"]),
            "INTELLIGENCE_URL": f"http://127.0.0.1:{self._ports['intelligence']}",
            "MEMORY_URL": f"http://127.0.0.1:{self._ports['memory']}",
            "SERVICE_JWT_SECRET": JWT_SECRET,
            "JWT_SECRET": JWT_SECRET,
            "NOVACORE_BOOTSTRAP_API_KEY": API_KEY,
            "RATE_LIMIT_PER_MINUTE": "100000000",
            "OLLAMA_URL": f"http://127.0.0.1:{mock_port}",
            # The mock takes any number at a time: our own work is measured, not the queue before a busy model.
            "LLM_PROVIDER_CONCURRENCY": "ollama:10000",
            **(more or {}),
        }
        self.processes: list[Running] = []

    @property
    def chain(self) -> list[Running]:
        """The processes that a chat passes through."""
        return [process for process in self.processes if process.name in {"gateway", "intelligence"}]

    def start(self) -> None:
        """Twice, so that what is measured is an ordinary start and not the one that makes the databases."""
        for _ in range(2):
            for process in self.processes:
                process.stop()
            self.processes = []
            for name in self._ports:
                self.processes.append(self._serve(name))

    def ask_for(self, model: str) -> None:
        """Let intelligence ask the mock for another form of answer."""
        self._environment["OLLAMA_MODEL"] = model
        place = next(place for place, process in enumerate(self.processes) if process.name == "intelligence")
        self.processes[place].stop()
        self.processes[place] = self._serve("intelligence")

    def request(self, path: str, question: str = QUESTION) -> Target:
        """What a client sends: a new conversation each time, which stores a session and a prompt."""
        body = json.dumps({"message": question}).encode()
        key = b"authorization: Bearer " + API_KEY.encode() + b"\r\n"
        head = b"POST " + path.encode() + b" HTTP/1.1\r\n"
        return Target("127.0.0.1", self._ports["gateway"], head + key + _rest(body))

    def _serve(self, name: str) -> Running:
        command = [sys.executable, "-m", self._program, "serve", name]
        ready = f"http://127.0.0.1:{self._ports[name]}/readyz"
        log = self._folder / f"{name}.log"
        return start(name, command, self._environment, ready, log, measured=name in self._measured)


def upstream_request(port: int, model: str) -> Target:
    """What a client of a plain proxy sends."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": QUESTION}], "stream": True}).encode()
    return Target("127.0.0.1", port, b"POST /api/chat HTTP/1.1\r\n" + _rest(body))


def _rest(body: bytes) -> bytes:
    return BODY_HEAD + b"content-length: %d\r\n\r\n%b" % (len(body), body)


_NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  upstream mock {{ server 127.0.0.1:{mock}; keepalive 128; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    keepalive_requests 1000000;
    location / {{
      proxy_pass http://mock;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""
