import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from novacore.ready import is_ready
from tests.support.services import free_port


@contextmanager
def answering(status: int) -> Iterator[int]:
    """The port of a server that answers ``/readyz`` with that status, and anything else with 404."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """It says nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "ready"), [(200, True), (503, False), (404, False)])
def test_a_container_is_healthy_where_its_service_says_that_it_is_ready(status: int, ready: bool) -> None:
    with answering(status) as port:
        assert is_ready("gateway", {"NOVACORE_PORT": str(port)}) is ready


def test_a_container_is_not_healthy_where_nothing_listens() -> None:
    assert not is_ready("memory", {"MEMORY_PORT": str(free_port())})


def test_a_service_that_there_is_not_is_named() -> None:
    with pytest.raises(ValueError, match="there is no service 'cellar'"):
        is_ready("cellar", {})
