"""What an adapter sends, and what the official client sends that is asked for the same."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import httpx
import httpx2

from services.intelligence.app.domain.chat import ProviderRequest
from services.intelligence.app.domain.errors import ProviderError
from services.intelligence.app.services.providers.base import Provider

from ..recordings import TAGS, run
from ..scripted_transport import Answer, ScriptedTransport
from ..scripted_transport import Sent as Posted
from .difference import Difference

OF_HTTP = frozenset({"host", "content-length", "connection", "accept-encoding", "user-agent"})
"""Headers of the connection, which the HTTP client underneath sets."""


@dataclass(frozen=True)
class Sent:
    """One request; header names in lower case, the body decoded."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Pair:
    """The same wish, by an adapter and by the official client."""

    name: str
    ours: Callable[[], Sent]
    theirs: Callable[[], Sent]


def compare(pair: Pair) -> list[Difference]:
    """What differs between the two requests, each header and each value of the body on its own."""
    one, other = dict(_parts(pair.ours())), dict(_parts(pair.theirs()))
    return [
        Difference(f"request/{pair.name}", part, one.get(part, "-"), other.get(part, "-"))
        for part in sorted({*one, *other})
        if one.get(part) != other.get(part)
    ]


def _parts(sent: Sent) -> Iterator[tuple[str, str]]:
    yield "method", sent.method
    yield "url", sent.url
    for name, value in sent.headers.items():
        if name not in OF_HTTP:
            yield f"header {name}", value
    yield from _leaves("body", sent.body)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(f"{path}.{name}", item)
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _leaves(f"{path}.{at}", item)
    else:
        yield path, json.dumps(value)


def ours(make: Callable[[ScriptedTransport], Provider], request: ProviderRequest | None) -> Callable[[], Sent]:
    """What an adapter sends for an answer, or without a request for its free check."""

    def sent() -> Sent:
        transport = ScriptedTransport(Answer([TAGS]), Answer([TAGS]), Answer([TAGS]))
        with contextlib.suppress(ProviderError):
            run(_spent(make(transport), request))
        return _of(transport.sent[-1])

    return sent


async def _spent(provider: Provider, request: ProviderRequest | None) -> None:
    if request is None:
        await provider.ensure_ready()
    else:
        await provider.generate(request)


def _of(posted: Posted) -> Sent:
    headers = {name.lower(): value for name, value in posted.headers.items()}
    if posted.body is None:
        # What a GET says of its body's type means nothing.
        headers.pop("content-type", None)
    return Sent(posted.method, posted.url, headers, json.loads(posted.body or b"null"))


def theirs(
    ask: Callable[[Callable[[Any], Any]], object], environ: Mapping[str, str] | None = None
) -> Callable[[], Sent]:
    """What an official client sends. ``ask`` makes it around a mock transport's handler, and asks it.

    Nothing of this process's environment is read by it, but only ``environ``.
    """

    def sent() -> Sent:
        seen: list[Any] = []

        def answer(request: Any) -> Any:
            seen.append(request)
            response = httpx.Response if isinstance(request, httpx.Request) else httpx2.Response
            return response(200, json={})

        with patch.dict(os.environ, environ or {}, clear=True), contextlib.suppress(ValueError, TypeError):
            # An answer that says nothing disappoints some of them; what they sent is known by then.
            ask(answer)
        request = seen[0]
        return Sent(request.method, str(request.url), dict(request.headers), json.loads(request.content or b"null"))

    return sent
