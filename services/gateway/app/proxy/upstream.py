"""The services behind the gateway, and the pooled client that reaches them."""

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import lru_cache

from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from novakit.identity import TokenSigner
from yarl import URL

CONNECT_SECONDS = 3.0
# Below the time after which any server closes an idle connection: a request is never sent into a closing one.
KEEP_ALIVE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Upstream:
    """One inner service: its name in messages, its address, and who signs the calls to it."""

    name: str
    url: str
    signer: TokenSigner


def open_pool() -> ClientSession:
    """The client for all inner services: no clock but for connecting, no cookies, bytes as they come."""
    return ClientSession(
        # Without a limit: a stream holds its connection for minutes, and a queue here would be seen by nobody.
        connector=TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
        timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        # A proxy of the environment is for the way out, never for the way in.
        trust_env=False,
    )


def call(
    pool: ClientSession, method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes
) -> AbstractAsyncContextManager[ClientResponse]:
    """Start one request; ``target`` is the whole URL, already encoded."""
    return pool.request(method, _url(target), headers=list(headers), data=body or None, allow_redirects=False)


@lru_cache(maxsize=256)
def _url(target: str) -> URL:
    return URL(target, encoded=True)
