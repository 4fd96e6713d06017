"""What all providers over HTTP have in common: one streamed call, and small questions that cost nothing."""

import time
from abc import abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

import msgspec
from novakit.tracing import TRACEPARENT

from ...domain.chat import ChatTurn, Locality, ProviderRequest, Sampling
from ...domain.errors import Garbled, ProviderError, Unreachable
from ...domain.events import Delta
from ...routing.policy import Candidate
from .base import Provider
from .complaints import ERROR_BODY_BYTES, Complaint, Verdict, from_answer, to_error
from .decoding import StreamDecoder
from .transport import Response, Transport

LISTING_BYTES = 8 * 1024 * 1024
"""How much of a list of models is read."""

REMEMBERED_MODELS = 256
"""Of how many models something is remembered that was learnt of them."""

LAST_WORDS_SECONDS = 1.0
"""How long the usage and the end mark of an answer are waited for once its end was named."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One POST that asks for an answer, and what reads the answer."""

    url: str
    body: bytes
    decoder: StreamDecoder


class HttpProvider(Provider):
    """A provider that is asked over HTTP. Subclasses add their wire format and their reading of errors.

    ``keys`` are all secrets that no error may quote: this provider's own and, where given, those of others.
    """

    most_lessons: ClassVar[int] = 1

    def __init__(
        self,
        *,
        name: str,
        transport: Transport,
        connect_timeout: float,
        locality: Locality,
        on_this_machine: bool,
        context_tokens: int,
        headers: Mapping[str, str],
        keys: Sequence[str],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.locality = locality
        self.on_this_machine = on_this_machine
        self.context_tokens = context_tokens
        self._transport = transport
        self._connect_timeout = connect_timeout
        self._headers = {"Content-Type": "application/json", **headers}
        self._keys = tuple(keys)
        self._wall = wall
        self._contexts: dict[str, int] = {}

    def candidate(self, model: str = "") -> Candidate:
        """See Provider. How much a model reads is what is known of it, once something is."""
        candidate = super().candidate(model)
        known = self._context(candidate.model)
        return candidate if known is None else replace(candidate, context_tokens=known)

    def key_replaced(self, owner: str, key: str, /) -> None:
        """See Provider. The keys before it are still not quoted: calls with them may be under way."""
        self._keys = (key, *self._keys)
        if owner == self.name:
            self._headers = {**self._headers, **self._authorization(key)}

    def _authorization(self, key: str) -> dict[str, str]:
        """The headers that carry the key."""
        return {"Authorization": f"Bearer {key}"}

    @abstractmethod
    def _classify(self, complaint: Complaint) -> Verdict:
        """What a complaint means."""

    @abstractmethod
    async def _prepare(self, request: ProviderRequest) -> Call:
        """The call that asks for an answer; raises ProviderError where there is none to make."""

    def _adapt(self, _complaint: Complaint, _request: ProviderRequest, /) -> bool:
        """Learn from a complaint; true where the request is worth preparing anew, because the call will differ.

        Asked ``most_lessons`` times in one call at most.
        """
        return False

    def _context(self, model: str) -> int | None:
        """How many tokens a conversation with this model may have, where that is known."""
        return self._contexts.get(model)

    def _learn_context(self, model: str, tokens: int) -> None:
        """A conversation with this model may have so many tokens."""
        remember(self._contexts, model, tokens)

    async def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        """See Provider."""
        async with aclosing(self._exchange(request, self._prepare)) as deltas:
            async for delta in deltas:
                yield delta

    async def _exchange(
        self, request: ProviderRequest, prepare: Callable[[ProviderRequest], Awaitable[Call]]
    ) -> AsyncGenerator[Delta]:
        """One call and its answer; prepared anew where something was learnt from a complaint."""
        for lessons_left in range(self.most_lessons, -1, -1):
            call = await prepare(request)
            async with self._transport.request(
                "POST",
                call.url,
                headers=self._traced(request),
                body=call.body,
                connect_timeout=self._connect_timeout,
            ) as response:
                if 200 <= response.status < 300:
                    decoder, ending = call.decoder, False
                    try:
                        async for chunk in response:
                            for delta in decoder.feed(chunk):
                                yield delta
                            if decoder.over:
                                break
                            ending = _await_end(response, decoder, ending)
                    except (Garbled, Unreachable) as broken:
                        if not decoder.whole:
                            broken.usage = decoder.reported()
                            raise
                    rest = decoder.close()
                    if decoder.over and decoder.failure is None:
                        response.release()
                    for delta in rest:
                        yield delta
                    if decoder.failure is not None:
                        decoder.failure.usage = decoder.reported()
                        decoder.failure.of_request = decoder.ran_out and request.sampling.max_tokens is not None
                        raise decoder.failure
                    return
                complaint = await _complaint(response)
            if not (lessons_left and self._adapt(complaint, request)):
                raise self._error(complaint, request)

    def _traced(self, request: ProviderRequest) -> Mapping[str, str]:
        """The headers, with the call's place in its trace where it has one."""
        return {**self._headers, TRACEPARENT: request.traceparent} if request.traceparent else self._headers

    async def _ask(self, url: str, shape: type[T], body: Mapping[str, Any] | None = None) -> T:
        """The decoded answer to a GET, or with a ``body`` to a POST; raises ProviderError."""
        async with self._transport.request(
            "GET" if body is None else "POST",
            url,
            headers=self._headers,
            body=None if body is None else msgspec.json.encode(body),
            connect_timeout=self._connect_timeout,
        ) as response:
            if response.status != 200:
                raise self._error(await _complaint(response), None)
            answer = await response.read(LISTING_BYTES)
        try:
            return msgspec.json.decode(answer, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Garbled("the answer to a free check could not be read", reason="malformed") from None

    def _error(self, complaint: Complaint, request: ProviderRequest | None) -> ProviderError:
        texts = [turn.text for turn in request.turns] if request is not None else []
        return to_error(complaint, self._classify(complaint), wall=self._wall(), keys=self._keys, texts=texts)


def said(request: ProviderRequest) -> list[ChatTurn]:
    """The turns that hold text: some providers reject a message without any."""
    return [turn for turn in request.turns if turn.text]


def sampled(sampling: Sampling, *, seed_bits: int = 64) -> dict[str, Any]:
    """What was asked for of the drawing itself, under the names that most providers have for it.

    A seed is folded into ``seed_bits``, for those that take no larger ones; one that has no more of them stays.
    """
    names = ("temperature", "top_p", "seed", "frequency_penalty", "presence_penalty")
    asked = {name: value for name in names if (value := getattr(sampling, name)) is not None}
    if seed_bits < 64 and "seed" in asked:
        asked["seed"] &= (1 << seed_bits) - 1
    return asked


def remember(known: dict[str, T], model: str, fact: T) -> None:
    """Keep a fact of a model: callers name models, so the oldest goes when there are too many."""
    known[model] = fact
    if len(known) > REMEMBERED_MODELS:
        del known[next(iter(known))]


def _await_end(response: Response, decoder: StreamDecoder, ending: bool) -> bool:
    """Whether the answer's end was named by now; what may still follow is not waited for long. ``ending``: before."""
    if decoder.complete is not ending:
        response.end_within(LAST_WORDS_SECONDS if decoder.complete else None)
    return decoder.complete


async def _complaint(response: Response) -> Complaint:
    try:
        body = await response.read(ERROR_BODY_BYTES)
    except ProviderError:
        # The status alone says more than how its explanation was lost.
        body = b""
    return from_answer(response.status, response.headers, body)
