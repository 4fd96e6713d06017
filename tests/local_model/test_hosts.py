"""Who may ask."""

import pytest
from starlette.types import Message, Receive, Scope, Send

from services.local_model.app.api.hosts import LocalHostsOnly


async def status(host: str | None, *, server: str = "127.0.0.1", origin: str | None = None) -> tuple[int, bytes]:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"in"})

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", host.encode())] if host is not None else []
    headers += [(b"origin", origin.encode())] if origin is not None else []
    scope: Scope = {"type": "http", "headers": headers, "server": (server, 11435)}
    await LocalHostsOnly(app, lambda: "MyHost")(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "localhost",
        "localhost:11435",
        "LOCALHOST",
        "127.0.0.1:11435",
        "127.9.9.9",
        "[::1]:11435",
        "0.0.0.0",
        "192.168.1.5:11435",
        "10.0.0.1",
        "myhost",
        "MYHOST:80",
        "box.local",
        "host.docker.internal:11435",
        "a.localhost",
    ],
)
async def test_this_machine_and_private_networks_are_served(host: str | None) -> None:
    assert await status(host) == (200, b"in")


@pytest.mark.parametrize(
    "host",
    ["example.com", "example.com:11435", "8.8.8.8", "localhost.example.com", "127.0.0.1.example.com", "notlocal",
     "[::1", "local", "a@b", "[2606:4700::1111]:80"],
)  # fmt: skip
async def test_a_foreign_name_is_refused_with_an_empty_403(host: str) -> None:
    assert await status(host) == (403, b"")


@pytest.mark.parametrize("origin", ["https://example.com", "null", "https://example.com:11435", "nonsense"])
async def test_a_page_from_elsewhere_is_refused_also_where_it_names_the_right_host(origin: str) -> None:
    assert await status("127.0.0.1:11435", origin=origin) == (403, b"")


async def test_a_page_of_this_machine_is_served() -> None:
    assert await status("127.0.0.1:11435", origin="http://localhost:8080") == (200, b"in")


async def test_where_it_is_bound_to_a_network_any_name_is_served() -> None:
    assert await status("local-model.example.com", server="172.18.0.4") == (200, b"in")


async def test_behind_a_socket_file_any_name_is_served() -> None:
    assert await status("example.com", server="/run/local-model.sock") == (200, b"in")
