"""Anthropic's Messages API: named server-sent events that end with ``message_stop``."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal
from urllib.parse import quote as in_path
from urllib.parse import urlsplit

import msgspec

from ...domain.chat import ProviderRequest
from ...domain.errors import ContextTooLong, Misconfigured, ProviderError, Refused
from ...domain.events import Finished, FinishReason, Usage
from . import anthropic_errors
from .base import Standing
from .complaints import Complaint, Verdict, from_value
from .decoding import SseDecoder, lenient, present
from .http_provider import Call, HttpProvider, remember
from .redaction import code_word
from .retirements import day_in
from .transport import Transport

Version = Literal["2026-10-21", "2023-06-01"]
OLDER_VERSION: Version = "2023-06-01"
CONTEXT_TOKENS = 200_000
"""The smallest context of any model that Anthropic serves."""
ANSWER_TOKENS = 64_000
"""How long an answer may be where the caller names no limit. No current model takes less, and an answer that is
shorter costs no more for it; a model that takes less says so, and is believed."""

_FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}


class AnthropicProvider(HttpProvider):
    """A model behind ``POST {base_url}/v1/messages``; ``base_url`` with or without ``/v1``.

    What the API says of a model is kept: its context, the longest answer that it gives, and that it takes neither
    temperature nor top_p.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        api_key: str,
        model: str,
        base_url: str = "https://api.anthropic.com",
        api_version: Version = "2026-10-21",
        name: str = "anthropic",
        connect_timeout: float = 3.0,
        context_tokens: int = CONTEXT_TOKENS,
        secrets: Sequence[str] = (),
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._is_older = api_version == OLDER_VERSION
        super().__init__(
            name=name,
            transport=transport,
            connect_timeout=connect_timeout,
            locality="cloud",
            on_this_machine=False,
            context_tokens=context_tokens,
            headers={"anthropic-version": api_version, **self._authorization(api_key)},
            keys=(api_key, *secrets),
            wall=wall,
        )
        self._official = is_official(base_url)
        self.priced_as = "anthropic" if self._official else base_url
        self._url = f"{base_url.rstrip('/').removesuffix('/v1')}/v1"
        self._model = model
        self._takes_temperature = self._is_older
        self._without_temperature: dict[str, Literal[True]] = {}
        self._longest: dict[str, int] = {}

    def _authorization(self, key: str) -> dict[str, str]:
        return {"x-api-key": key} if self._is_older else super()._authorization(key)

    @property
    def model(self) -> str:
        """The configured model."""
        return self._model

    async def ensure_ready(self) -> None:
        """The key is accepted and Anthropic has the model; raises ProviderError.

        Other servers are ready when they answer: many have no list of models.
        """
        described = await self._describe()
        if _is_count(described.get("max_input_tokens")):
            self._learn_context(self._model, described["max_input_tokens"])
        if _is_count(described.get("max_tokens")):
            remember(self._longest, self._model, described["max_tokens"])

    async def examine(self) -> Standing:
        """See Provider."""
        described = await self._describe()
        return Standing(
            self._model,
            listed=True if described else None,
            retires=day_in(described.get("retires_at")),
            deprecated=described.get("lifecycle") == "deprecated",
        )

    async def _describe(self) -> dict[str, Any]:
        """What the API says of the model, nothing where another server has no list; raises ProviderError."""
        try:
            described = await self._ask(f"{self._url}/models/{in_path(self._model, safe='')}", dict[str, Any])
        except Misconfigured as error:
            if self._official or error.reason != "model_missing":
                raise
            return {}
        if described.get("lifecycle") == "retired":
            raise Misconfigured(f"{self._model} is retired", reason="model_missing")
        return described

    async def _prepare(self, request: ProviderRequest) -> Call:
        decoder = AnthropicDecoder(lambda complaint: self._error(complaint, request))
        return Call(f"{self._url}/messages", msgspec.json.encode(self._body(request)), decoder)

    def _adapt(self, complaint: Complaint, request: ProviderRequest, /) -> bool:
        before = self._body(request)
        longest, reads = anthropic_errors.longest_answer(complaint), anthropic_errors.most_tokens(complaint)
        if longest is not None:
            remember(self._longest, before["model"], longest)
        elif reads is not None:
            self._learn_context(before["model"], reads)
        elif before.keys() & {"temperature", "top_p"} and anthropic_errors.rejects_temperature(complaint):
            remember(self._without_temperature, before["model"], True)
        return self._body(request) != before

    def _body(self, request: ProviderRequest) -> dict[str, Any]:
        model = request.model or self._model
        return to_body(
            request,
            model,
            temperature=self._takes_temperature and model not in self._without_temperature,
            longest=self._longest.get(model),
        )

    def _classify(self, complaint: Complaint) -> Verdict:
        return anthropic_errors.classify(complaint)


def is_official(base_url: str) -> bool:
    """Whether this is Anthropic's own API."""
    return urlsplit(base_url).hostname == "api.anthropic.com"


def to_body(request: ProviderRequest, model: str, *, temperature: bool, longest: int | None = None) -> dict[str, Any]:
    """The body of POST /v1/messages; ``longest`` is the longest answer that the model gives, where that is known.

    Anthropic wants turns to alternate, the first to be the user's, and none without a word: neighbours with one role
    become blocks of one turn, and what the model said before the user's first word is left out. ``temperature`` false
    leaves out temperature and top_p. The temperature ends at 1 here, where for others it ends at 2. Seeds and
    penalties are not known here.
    """
    sampling = request.sampling
    messages, system = _turns(request)
    limit = sampling.max_tokens or ANSWER_TOKENS
    body: dict[str, Any] = {
        "model": model,
        "messages": messages,
        "max_tokens": limit if longest is None else min(limit, longest),
        "stream": True,
    }
    if system:
        body["system"] = system
    stop = [sequence for sequence in sampling.stop if sequence.strip()]
    if stop:
        body["stop_sequences"] = stop
    if temperature and sampling.temperature is not None:
        body["temperature"] = min(sampling.temperature, 1.0)
    elif temperature and sampling.top_p is not None:
        # Newer models take one of the two.
        body["top_p"] = sampling.top_p
    return body


def _turns(request: ProviderRequest) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """(messages, system blocks)."""
    messages: list[dict[str, Any]] = []
    system: list[dict[str, str]] = []
    for turn in request.turns:
        block = {"type": "text", "text": turn.text}
        if not turn.text.strip():
            continue
        if turn.role == "system":
            system.append(block)
        elif messages and messages[-1]["role"] == turn.role:
            messages[-1]["content"].append(block)
        elif messages or turn.role == "user":
            messages.append({"role": turn.role, "content": [block]})
    if messages and messages[-1]["role"] == "assistant":
        # An answer to go on with must not end with white space, or the call is turned down.
        last = messages[-1]["content"][-1]
        last["text"] = last["text"].rstrip()
    return messages, system


class _Piece(msgspec.Struct):
    """A block of content, or a change to one, or to the message."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    stop_reason: str | None = None
    stop_details: msgspec.Raw = msgspec.Raw()


class _Message(msgspec.Struct):
    model: str | None = None
    content: list[_Piece] = []
    stop_reason: str | None = None
    stop_details: msgspec.Raw = msgspec.Raw()
    usage: msgspec.Raw = msgspec.Raw()


class _Event(msgspec.Struct):
    type: str = ""
    message: msgspec.Raw = msgspec.Raw()
    content_block: _Piece | None = None
    delta: _Piece | None = None
    usage: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


class _StopDetails(msgspec.Struct):
    category: str | None = None


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_message = msgspec.json.Decoder(_Message).decode
_usage_decoder = msgspec.json.Decoder(_Usage)
_stop_details_decoder = msgspec.json.Decoder(_StopDetails)


class AnthropicDecoder(SseDecoder):
    """The events of one answer, or the one whole message of a server that cannot stream.

    The answer is whole once a stop reason was named: only ``message_stop`` follows, which says nothing more.
    Each count of the usage is the last that was reported.
    """

    def __init__(self, explain: Callable[[Complaint], ProviderError]) -> None:
        super().__init__()
        self._explain = explain
        self._stop_reason = ""
        self._stop_details: msgspec.Raw = msgspec.Raw()
        self._usage = _Usage()

    def _take(self, frame: bytes | str) -> None:
        event = _decode_event(frame)
        if event.type == "error" or present(event.error):
            raise self._explain(from_value(msgspec.json.decode(frame)))
        match event.type:
            case "content_block_delta" | "content_block_start":
                self._take_piece(event.delta or event.content_block or _Piece())
            case "message_start":
                self._take_message(_decode_message(event.message))
                # What it counts of the answer, before there is one, is a placeholder.
                self._usage.output_tokens = None
            case "message_delta":
                delta = event.delta or _Piece()
                self._count(event.usage)
                self._stop(delta.stop_reason, delta.stop_details)
            case "message_stop":
                self.whole = self.over = True
            case "message":
                self._take_message(_decode_message(frame))
                self.over = self.whole
            case "":
                raise msgspec.ValidationError("an event without a type")

    def _take_message(self, message: _Message) -> None:
        self._model = message.model
        for piece in message.content:
            self._take_piece(piece)
        self._count(message.usage)
        self._stop(message.stop_reason, message.stop_details)

    def _take_piece(self, piece: _Piece) -> None:
        match piece.type:
            case "text" | "text_delta" if piece.text:
                self._say(piece.text)
            case "thinking" | "thinking_delta" if piece.thinking:
                self._think(piece.thinking)

    def _stop(self, reason: str | None, details: msgspec.Raw) -> None:
        if reason:
            self._stop_reason, self._stop_details = reason, details
            self.whole = True

    def _count(self, raw: msgspec.Raw) -> None:
        usage = lenient(raw, _usage_decoder) if present(raw) else None
        for name in _Usage.__struct_fields__ if usage is not None else ():
            count = getattr(usage, name)
            if count is not None:
                setattr(self._usage, name, count)

    def reported(self) -> Usage | None:
        """See StreamDecoder. The three counts of input leave each other out; ours is all of them."""
        counts = self._usage
        inputs = (counts.input_tokens, counts.cache_creation_input_tokens, counts.cache_read_input_tokens)
        known = [count for count in inputs if count is not None]
        if not known and counts.output_tokens is None:
            return None
        details = counts.output_tokens_details
        return Usage(
            input_tokens=sum(known) if known else None,
            output_tokens=counts.output_tokens,
            reasoning_tokens=details.thinking_tokens if details is not None else None,
            cached_tokens=counts.cache_read_input_tokens,
            cache_write_tokens=counts.cache_creation_input_tokens,
        )

    def _finish(self) -> Finished:
        if not self.whole:
            raise self._truncated()
        raw = self._stop_reason
        if raw == "refusal":
            # Anthropic's classifiers, not the model: a filter, whatever it is called.
            raise Refused(f"the answer was blocked{self._category()}", reason="blocked")
        if raw == "model_context_window_exceeded" and not self._spoke:
            raise ContextTooLong("the context was full before the first word", reason="context_too_long")
        return self._finished(_FINISH.get(raw, "other"), raw or None, self.reported())

    def _category(self) -> str:
        details = lenient(self._stop_details, _stop_details_decoder)
        return f" ({code_word(details.category)})" if details is not None and details.category else ""


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
