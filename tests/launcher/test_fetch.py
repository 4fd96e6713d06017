import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from novacore.fetch import get, is_ready

from .worlds import free_port


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 503)
        self.end_headers()
        self.wfile.write(f"{self.path} {self.headers.get('X-Test', '')}".encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name that is overridden)
        """Nothing: the tests' output stays clean."""


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_answer_has_its_status_and_body(url: str) -> None:
    answer = get(f"{url}/some/path", timeout=5, headers={"X-Test": "value"})
    assert answer is not None
    assert (answer.status, answer.body) == (503, b"/some/path value")


async def test_only_200_means_ready(url: str) -> None:
    assert await is_ready(f"{url}/readyz")
    assert not await is_ready(f"{url}/healthz")
    assert not await is_ready(f"http://127.0.0.1:{free_port()}/readyz")


def test_somebody_who_never_answers_or_speaks_no_http_is_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert get(url, timeout=0.05) is None

        def talk_nonsense() -> None:
            connection, _ = silent.accept()
            with connection:
                connection.sendall(b"220 mail.example\r\n\r\n")
                connection.recv(1000)

        thread = threading.Thread(target=talk_nonsense)
        silent.accept()[0].close()
        thread.start()
        assert get(url, timeout=5) is None
        thread.join()
