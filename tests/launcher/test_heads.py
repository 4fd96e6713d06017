"""Who has not sent a whole request yet can take neither memory nor a place for long."""

import asyncio
import logging

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from novacore.protocol import HEAD_SECONDS, MOST_HEAD_BYTES, CoalescingProtocol
from novacore.serve import TICKS_TO_LOOK_AT_CONNECTIONS, _Server
from novacore.topology import SERVICES
from services.gateway.app.proxy.upstream import KEEP_ALIVE_SECONDS
from services.intelligence.app.services.providers.transport import IDLE_CONNECTION_SECONDS

from .test_protocol import Recorder

GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
LINE = b"x: " + b"y" * 1000 + b"\r\n"


class Socket(Recorder):
    """What reaches the socket, of a transport that can be read from."""

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def told(self) -> bytes:
        return b"".join(part for part in self.did if isinstance(part, bytes))


async def hello(_scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


def configured() -> uvicorn.Config:
    config = uvicorn.Config(
        hello,
        interface="asgi3",
        loop="none",
        http=CoalescingProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    config.load()
    return config


def connected(state: ServerState | None = None) -> tuple[CoalescingProtocol, Socket]:
    protocol, socket = CoalescingProtocol(configured(), state or ServerState(), {}), Socket()
    protocol.connection_made(socket)
    return protocol, socket


async def answered(protocol: CoalescingProtocol) -> None:
    await asyncio.gather(*protocol.tasks)
    # What was written in one turn is sent in the next.
    await asyncio.sleep(0)


def look(protocol: CoalescingProtocol, times: int) -> None:
    for _ in range(times):
        protocol.look()


async def test_a_head_without_an_end_is_refused_before_it_fills_the_memory() -> None:
    protocol, socket = connected()
    protocol.data_received(GET)
    sent = 0
    while not socket.closing:
        protocol.data_received(LINE)
        sent += len(LINE)
        assert sent <= MOST_HEAD_BYTES + len(LINE)

    assert socket.told().startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in socket.told()
    assert socket.did[-1] == "close"


async def test_so_is_what_follows_a_body_without_an_end() -> None:
    protocol, socket = connected()
    protocol.data_received(POST + b"1\r\nx\r\n0\r\n")
    for _ in range(MOST_HEAD_BYTES // len(LINE) + 1):
        protocol.data_received(LINE)

    assert socket.closing
    protocol.connection_lost(None)
    await answered(protocol)


async def test_a_body_is_the_apps_to_bound() -> None:
    protocol, socket = connected()
    protocol.data_received(POST)
    for _ in range(10):
        protocol.data_received(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
    protocol.data_received(b"0\r\n\r\n")
    await answered(protocol)

    assert socket.told().startswith(b"HTTP/1.1 200 ")
    protocol.connection_lost(None)


@pytest.mark.parametrize("begun", [b"", GET])
async def test_who_owes_a_request_is_not_waited_for(begun: bytes) -> None:
    protocol, socket = connected()
    if begun:
        protocol.data_received(begun)
    look(protocol, HEAD_SECONDS)
    assert not socket.closing
    look(protocol, 1)
    assert socket.closing


async def test_an_answer_takes_as_long_as_it_takes_and_a_rest_after_it_is_the_keep_alives() -> None:
    protocol, socket = connected()
    look(protocol, HEAD_SECONDS)
    protocol.data_received(POST)
    look(protocol, 10 * HEAD_SECONDS)
    protocol.data_received(b"0\r\n\r\n")
    await answered(protocol)
    look(protocol, 10 * HEAD_SECONDS)
    assert not socket.closing

    protocol.data_received(GET)
    look(protocol, HEAD_SECONDS + 1)
    assert socket.closing


async def test_the_server_looks_at_its_connections_once_a_second() -> None:
    server = _Server(configured(), lambda: None)
    _protocol, socket = connected(server.server_state)
    for tick in range(1, TICKS_TO_LOOK_AT_CONNECTIONS * (HEAD_SECONDS + 1) + 1):
        assert not socket.closing
        await server.on_tick(tick)

    assert socket.closing


async def test_who_asks_for_another_protocol_is_answered_in_this_one_and_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    protocol, socket = connected()
    with caplog.at_level(logging.DEBUG):
        protocol.data_received(GET + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n")
        await answered(protocol)

    assert socket.told().startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in socket.told()
    assert socket.closing
    assert caplog.messages == []


def test_whoever_calls_a_service_lets_go_of_a_connection_before_the_service_does() -> None:
    kept = {row.name: row.keep_alive for row in SERVICES}

    assert kept.pop("gateway") > 120
    assert min(kept.values()) > max(KEEP_ALIVE_SECONDS, IDLE_CONNECTION_SECONDS)
