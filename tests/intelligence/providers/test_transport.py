"""The network's failures by name, and bodies as they come."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import aiohttp.abc
import pytest

from services.intelligence.app.domain.errors import Garbled, ProviderError
from services.intelligence.app.services.providers.transport import AiohttpTransport, open_session
from tests.support.fakes import FakeOpenAI, Gate, answer, cut, hang, reset, stall, status

HEADERS: dict[str, str] = {}
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(body: bytes) -> AsyncIterator[str]:
    """A server that answers everything with these bytes and hangs up."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


class Resolver(aiohttp.abc.AbstractResolver):
    """Knows no name at all, or never answers."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        if self._silent:
            await asyncio.Event().wait()
        raise OSError("no such name")

    async def close(self) -> None:
        return


async def failure(transport: AiohttpTransport, url: str, *, connect_timeout: float = 5.0) -> ProviderError:
    async def ask() -> None:
        async with transport.request(
            "POST", url, headers=HEADERS, connect_timeout=connect_timeout, body=b"{}"
        ) as got:
            async for _chunk in got:
                pass

    with pytest.raises(ProviderError) as caught:
        await ask()
    return caught.value


async def test_a_closed_port_is_connect_refused(transport: AiohttpTransport) -> None:
    async with FakeOpenAI() as fake:
        url = fake.url
    assert (await failure(transport, url)).reason == "connect_refused"


async def test_an_unknown_name_is_dns() -> None:
    connector = aiohttp.TCPConnector(resolver=Resolver(silent=False))
    async with aiohttp.ClientSession(connector=connector) as session:
        assert (await failure(AiohttpTransport(session), "http://nowhere.invalid/")).reason == "dns"


async def test_the_connect_timeout_spans_all_that_comes_before_the_request() -> None:
    connector = aiohttp.TCPConnector(resolver=Resolver(silent=True))
    async with aiohttp.ClientSession(connector=connector) as session:
        error = await failure(AiohttpTransport(session), "http://nowhere.invalid/", connect_timeout=0.01)
    assert error.reason == "connect_timeout"


async def test_the_connect_timeout_does_not_cut_a_slow_answer(transport: AiohttpTransport) -> None:
    gate = Gate()
    async with FakeOpenAI([answer("late", gate=gate)]) as fake:
        url = f"{fake.url}/chat/completions"
        body = b'{"model":"gpt-4.1"}'

        async def ask() -> bytes:
            async with transport.request("POST", url, headers=HEADERS, connect_timeout=0.05, body=body) as got:
                return await got.read(1_000_000)

        asked = asyncio.create_task(ask())
        await fake.received()
        await asyncio.wait({asked}, timeout=0.1)
        assert not asked.done()
        gate.open()
        assert b"late" in await asked


async def test_a_server_without_tls_behind_https_is_tls(transport: AiohttpTransport) -> None:
    async with serving(b"HTTP/1.1 400 Bad Request\r\n\r\n") as place:
        assert (await failure(transport, f"https://{place}/")).reason == "tls"


async def test_an_address_that_is_none_is_dns(transport: AiohttpTransport) -> None:
    assert (await failure(transport, "no address")).reason == "dns"
    assert (await failure(transport, "ftp://127.0.0.1/")).reason == "dns"


async def test_a_connection_dropped_before_the_headers_is_reset(transport: AiohttpTransport) -> None:
    async with FakeOpenAI([reset()]) as fake:
        assert (await failure(transport, f"{fake.url}/chat/completions")).reason == "reset"


async def test_a_connection_closed_before_the_headers_is_reset(transport: AiohttpTransport) -> None:
    async with serving(b"") as place:
        assert (await failure(transport, f"http://{place}/")).reason == "reset"


async def test_a_body_cut_before_its_first_byte_is_reset(transport: AiohttpTransport) -> None:
    async with serving(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") as place:
        assert (await failure(transport, f"http://{place}/")).reason == "reset"


@pytest.mark.parametrize(
    "framing", ["Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "Content-Length: 9\r\n\r\nhello"]
)
async def test_a_body_cut_after_its_first_byte_is_truncated(transport: AiohttpTransport, framing: str) -> None:
    async with serving(f"HTTP/1.1 200 OK\r\n{framing}".encode()) as place:
        assert (await failure(transport, f"http://{place}/")).reason == "truncated"


async def test_a_body_cut_by_a_reset_is_truncated(transport: AiohttpTransport) -> None:
    async with FakeOpenAI([cut(kind="reset")]) as fake:
        assert (await failure(transport, f"{fake.url}/chat/completions")).reason == "truncated"


async def test_bytes_that_are_no_http_are_malformed(transport: AiohttpTransport) -> None:
    async with serving(b"220 mail.example ESMTP\r\n\r\n") as place:
        assert (await failure(transport, f"http://{place}/")).reason == "malformed"


async def test_broken_chunk_framing_is_garbled(transport: AiohttpTransport) -> None:
    body = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n"
    async with serving(body) as place:
        assert isinstance(await failure(transport, f"http://{place}/"), Garbled)


async def test_pieces_arrive_when_they_are_sent(transport: AiohttpTransport) -> None:
    gate = Gate()
    gate.release()
    async with FakeOpenAI([answer("one two", gate=gate)]) as fake:
        url = f"{fake.url}/chat/completions"
        async with transport.request("POST", url, headers=HEADERS, connect_timeout=5.0, body=b"{}") as got:
            pieces = aiter(got)
            seen = b""
            while b"one" not in seen:
                seen += await anext(pieces)
            assert b"two" not in seen
            gate.open()
            while b"two" not in seen:
                seen += await anext(pieces)


async def test_header_names_are_lower_case(transport: AiohttpTransport) -> None:
    async with FakeOpenAI([status(429, headers={"Retry-After": "7"})]) as fake:
        url = f"{fake.url}/chat/completions"
        async with transport.request("POST", url, headers=HEADERS, connect_timeout=5.0, body=b"{}") as got:
            assert (got.status, got.headers["retry-after"]) == (429, "7")


async def test_a_read_is_bounded(transport: AiohttpTransport) -> None:
    async with FakeOpenAI([status(500, b"x" * 100_000)]) as fake:
        url = f"{fake.url}/chat/completions"
        async with transport.request("POST", url, headers=HEADERS, connect_timeout=5.0, body=b"{}") as got:
            assert await got.read(1000) == b"x" * 1000


async def test_a_redirect_is_an_answer_and_is_not_followed(transport: AiohttpTransport) -> None:
    async with FakeOpenAI([status(307, b"", {"Location": "/elsewhere"})]) as fake:
        url = f"{fake.url}/chat/completions"
        async with transport.request("POST", url, headers=HEADERS, connect_timeout=5.0, body=b"{}") as got:
            assert got.status == 307
        assert len(fake.requests) == 1


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with open_session() as session, FakeOpenAI() as fake:
        url = f"{fake.url}/models"
        async with AiohttpTransport(session).request("GET", url, headers=HEADERS, connect_timeout=5.0) as got:
            assert got.status == 200


async def test_a_finished_call_leaves_its_connection_for_the_next(transport: AiohttpTransport) -> None:
    async with FakeOpenAI() as fake:
        for _ in range(3):
            url = f"{fake.url}/chat/completions"
            async with transport.request("POST", url, headers=HEADERS, connect_timeout=5.0, body=b"{}") as got:
                async for chunk in got:
                    if b"[DONE]" in chunk:
                        got.release()
                        break
        assert fake.connections == 1


async def test_a_released_call_does_not_wait_long_for_an_end_that_never_comes(transport: AiohttpTransport) -> None:
    async with FakeOpenAI([stall(after=1)]) as fake:
        url = f"{fake.url}/chat/completions"
        async with transport.request("POST", url, headers=HEADERS, connect_timeout=5.0, body=b"{}") as got:
            await anext(aiter(got))
            got.release()
        await asyncio.wait_for(fake.chats[0].gone.wait(), 0.25)


async def test_a_body_can_be_taken_for_ended_while_its_server_stays(transport: AiohttpTransport) -> None:
    async with FakeOpenAI([stall(after=1)]) as fake:
        url = f"{fake.url}/chat/completions"
        async with transport.request("POST", url, headers=HEADERS, connect_timeout=5.0, body=b"{}") as got:
            pieces = aiter(got)
            await anext(pieces)
            got.end_within(0.02)
            assert b"".join([piece async for piece in pieces]).count(b"data:") <= 1
        await asyncio.wait_for(fake.chats[0].gone.wait(), 0.25)


async def test_a_body_that_need_not_end_any_more_is_read_on(transport: AiohttpTransport) -> None:
    gate = Gate()
    gate.release()
    async with FakeOpenAI([answer("one two", gate=gate)]) as fake:
        url = f"{fake.url}/chat/completions"
        async with transport.request("POST", url, headers=HEADERS, connect_timeout=5.0, body=b"{}") as got:
            pieces = aiter(got)
            await anext(pieces)
            got.end_within(0.0)
            got.end_within(None)
            gate.open()
            assert b"[DONE]" in b"".join([piece async for piece in pieces])


async def test_leaving_before_the_end_closes_the_connection_at_once(transport: AiohttpTransport) -> None:
    async with FakeOpenAI([stall()]) as fake:
        url = f"{fake.url}/chat/completions"
        async with transport.request("POST", url, headers=HEADERS, connect_timeout=5.0, body=b"{}"):
            request = await fake.received()
            assert not request.gone.is_set()
        await asyncio.wait_for(request.gone.wait(), 0.25)


async def test_only_a_released_call_waits_for_the_end_of_its_body(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.intelligence.app.services.providers.transport.DRAIN_SECONDS", 3600.0)

    async def leave() -> None:
        async with transport.request("POST", url, headers=HEADERS, connect_timeout=5.0, body=b"{}"):
            await fake.received()

    async with FakeOpenAI([stall()]) as fake:
        url = f"{fake.url}/chat/completions"
        await asyncio.wait_for(leave(), 5)


async def test_a_cancelled_wait_for_headers_closes_the_connection_at_once(transport: AiohttpTransport) -> None:
    async with FakeOpenAI([hang()]) as fake:
        asked = asyncio.create_task(failure(transport, f"{fake.url}/chat/completions"))
        request = await fake.received()
        asked.cancel()
        await asyncio.wait_for(request.gone.wait(), 0.25)
        assert (await asyncio.gather(asked, return_exceptions=True))[0].__class__ is asyncio.CancelledError
