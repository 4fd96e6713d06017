"""A transport without a network: it answers each request with what the test gave it, piece by piece."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import TracebackType

from services.intelligence.app.domain.errors import ProviderError
from services.intelligence.app.services.providers.transport import Method, Response


@dataclass
class Answer:
    """One answer; ``cut`` is raised after the last piece. A number among the pieces is a pause in seconds."""

    pieces: Iterable[bytes | float] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: ProviderError | None = None


@dataclass(frozen=True)
class Sent:
    """One request as the adapter made it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


class ScriptedTransport:
    """Gives the answers in their order; free checks take their turn like any other request.

    Only what Ollama says of a model (/api/show) stands aside: ``shows`` is the answer to each such question.
    """

    def __init__(self, *answers: Answer, shows: bytes = b"{}") -> None:
        self.answers = list(answers)
        self.shows = shows
        self.shown: list[Sent] = []
        self.sent: list[Sent] = []
        self.closed = 0

    def request(
        self,
        method: Method,
        url: str,
        *,
        headers: Mapping[str, str],
        connect_timeout: float,
        body: bytes | None = None,
    ) -> AbstractAsyncContextManager[Response]:
        if url.endswith("/api/show"):
            self.shown.append(Sent(method, url, dict(headers), body))
            return _Exchange(self, Answer([self.shows]))
        self.sent.append(Sent(method, url, dict(headers), body))
        return _Exchange(self, self.answers.pop(0))


class _Exchange(AbstractAsyncContextManager[Response]):
    def __init__(self, transport: ScriptedTransport, answer: Answer) -> None:
        self._transport = transport
        self._response = _Response(answer)

    async def __aenter__(self) -> Response:
        return self._response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.closed += 1


class _Response:
    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self._pieces = iter(answer.pieces)
        self._cut = answer.cut
        self._left = math.inf

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            if isinstance(piece, bytes):
                if piece:
                    return piece
            else:
                await asyncio.sleep(min(piece, self._left))
                self._left -= piece
                if self._left < 0:
                    raise StopAsyncIteration
        if self._cut is not None:
            raise self._cut
        raise StopAsyncIteration

    async def read(self, limit: int) -> bytes:
        return b"".join([piece async for piece in self])[:limit]

    def end_within(self, seconds: float | None) -> None:
        self._left = math.inf if seconds is None else seconds

    def release(self) -> None:
        pass
