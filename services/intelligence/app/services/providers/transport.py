"""HTTP to the providers: one call out, its answer as it comes.

Every failure of the network becomes a ProviderError, told apart by the exception's type and never by its text.
Only the connect timeout lives here; all other clocks are the caller's.
"""

import asyncio
import contextlib
import errno
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Literal, Protocol

import aiohttp
from aiohttp.http import HttpProcessingError

from ...domain.errors import Garbled, ProviderError, Unreachable

Method = Literal["GET", "POST"]
UnreachableReason = Literal["connect_refused", "connect_timeout", "dns", "tls", "reset"]

IDLE_CONNECTION_SECONDS = 55.0
"""How long an unused connection is kept. Below the 60 s after which common servers and firewalls drop it."""

DRAIN_SECONDS = 0.05
"""How long the end of a finished answer's body is waited for, so that its connection can serve again."""


class Response(Protocol):
    """The answer to one call. Iterating gives the body's pieces as the network delivers them, never empty.

    Iterating and reading raise Unreachable (reset) where the body is cut before its first byte, and Garbled
    (truncated) where it is cut later.
    """

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, names in lower case."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def read(self, limit: int) -> bytes:
        """The body up to ``limit`` bytes; what lies beyond is dropped."""
        ...

    def end_within(self, seconds: float | None) -> None:
        """Take the body for ended when so many seconds have passed from now, or None: only where it ends."""
        ...

    def release(self) -> None:
        """Nothing more of the body is needed: leaving may wait a moment for its end, to keep the connection."""
        ...


class Transport(Protocol):
    """Where calls to providers go out."""

    def request(
        self,
        method: Method,
        url: str,
        *,
        headers: Mapping[str, str],
        connect_timeout: float,
        body: bytes | None = None,
    ) -> AbstractAsyncContextManager[Response]:
        """One call. Entering sends it and waits for the headers; raises Unreachable or Garbled (malformed).

        Leaving before the body has ended closes the connection at once. Redirects are not followed.
        ``connect_timeout`` is in seconds and spans the wait for a place in the pool.
        """
        ...


def open_session() -> aiohttp.ClientSession:
    """The pooled session that AiohttpTransport needs; its opener closes it.

    The environment's proxies and ``.netrc`` are not used: a prompt for a local model must not pass through either.
    Connections are not counted here, the bulkheads do that. Compression is not asked for: it would hold tokens back.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_CONNECTION_SECONDS, ttl_dns_cache=60),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity", "User-Agent": "novacore"},
        trust_env=False,
    )


class AiohttpTransport:
    """Transport over one pooled aiohttp session that someone else opened and will close."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    def request(
        self,
        method: Method,
        url: str,
        *,
        headers: Mapping[str, str],
        connect_timeout: float,
        body: bytes | None = None,
    ) -> AbstractAsyncContextManager[Response]:
        """See Transport."""
        return _Exchange(self._session, method, url, headers, connect_timeout, body)


class _Exchange(AbstractAsyncContextManager[Response]):
    def __init__(
        self,
        session: aiohttp.ClientSession,
        method: Method,
        url: str,
        headers: Mapping[str, str],
        connect_timeout: float,
        body: bytes | None,
    ) -> None:
        self._session = session
        self._method = method
        self._url = url
        self._headers = headers
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect_timeout)
        self._body = body
        self._response: _AiohttpResponse | None = None

    async def __aenter__(self) -> Response:
        try:
            raw = await self._session.request(
                self._method,
                self._url,
                headers=self._headers,
                data=self._body,
                timeout=self._timeout,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError) as error:
            raise failed_call(error) from error
        self._response = _AiohttpResponse(raw)
        return self._response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._response is not None:
            await self._response.close()


class _AiohttpResponse:
    def __init__(self, raw: aiohttp.ClientResponse) -> None:
        self._raw = raw
        self._content = raw.content
        self._began = False
        self._ends: float | None = None
        self._released = False
        self.status = raw.status

    @property
    def headers(self) -> Mapping[str, str]:
        return {name.lower(): value for name, value in self._raw.headers.items()}

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await (self._content.readany() if self._ends is None else self._read_until(self._ends))
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            raise self._cut(error) from error
        if not chunk:
            raise StopAsyncIteration
        self._began = True
        return chunk

    async def read(self, limit: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        async for chunk in self:
            parts.append(chunk)
            size += len(chunk)
            if size >= limit:
                break
        return b"".join(parts)[:limit]

    def end_within(self, seconds: float | None) -> None:
        self._ends = None if seconds is None else asyncio.get_running_loop().time() + seconds

    def release(self) -> None:
        self._released = True

    async def close(self) -> None:
        try:
            if self._released and not self._content.at_eof():
                await self._drain()
        finally:
            connection = self._raw.connection
            sock = connection.transport if connection is not None else None
            self._raw.close()
            if sock is not None:
                # A polite TLS goodbye would wait for the other side, which may be the one that hangs.
                sock.abort()

    async def _read_until(self, ends: float) -> bytes:
        try:
            async with asyncio.timeout_at(ends):
                return await self._content.readany()
        except TimeoutError:
            return b""

    async def _drain(self) -> None:
        with contextlib.suppress(ProviderError, TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                async for _chunk in self:
                    pass

    def _cut(self, error: Exception) -> ProviderError:
        what = type(error).__name__
        if self._began:
            return Garbled(f"the body was cut ({what})", reason="truncated")
        return Unreachable(f"the connection was lost before the first byte ({what})", reason="reset")


_BY_TYPE: tuple[tuple[type[Exception], UnreachableReason], ...] = (
    (aiohttp.ClientConnectorDNSError, "dns"),
    (aiohttp.ClientConnectorCertificateError, "tls"),
    (aiohttp.ClientSSLError, "tls"),
    (aiohttp.ServerFingerprintMismatch, "tls"),
    (aiohttp.ServerTimeoutError, "connect_timeout"),
    (aiohttp.InvalidURL, "dns"),
    (aiohttp.NonHttpUrlClientError, "dns"),
    (aiohttp.ClientConnectorError, "connect_refused"),
    (ssl.SSLError, "tls"),
    (TimeoutError, "connect_timeout"),
)
_BY_ERRNO: dict[int, UnreachableReason] = {
    errno.ETIMEDOUT: "connect_timeout",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.EPIPE: "reset",
}


def failed_call(error: Exception) -> ProviderError:
    """The ProviderError for a call that got no headers."""
    if isinstance(error, aiohttp.ClientResponseError):
        return Garbled(f"the answer is no HTTP ({type(error).__name__})", reason="malformed")
    reason = _reason(error)
    code = error.errno if isinstance(error, OSError) else None
    cause = errno.errorcode.get(code, "") if code is not None else ""
    place = f" {error.host}:{error.port}" if isinstance(error, aiohttp.ClientConnectorError) else ""
    return Unreachable(f"{reason}{place} ({' '.join(filter(None, (type(error).__name__, cause)))})", reason=reason)


def _reason(error: Exception) -> UnreachableReason:
    for kind, reason in _BY_TYPE:
        if isinstance(error, kind):
            if reason == "connect_refused" and isinstance(error, OSError):
                return _BY_ERRNO.get(error.errno or 0, reason)
            return reason
    return "reset"
