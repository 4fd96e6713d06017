"""OpenAI's chat completions, and the servers that speak the same API: server-sent events that end with ``[DONE]``."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ...domain.chat import Locality, ProviderRequest
from ...domain.errors import Faulted, Misconfigured, ProviderError, Refused
from ...domain.events import Finished, FinishReason, Usage
from ...routing.history import ANSWER_SHARE, TURN_OVERHEAD_TOKENS, estimated_tokens
from . import openai_errors
from .base import Standing
from .complaints import Complaint, Verdict, from_value
from .decoding import SseDecoder, lenient, present
from .http_provider import Call, HttpProvider, remember, said, sampled
from .model_lists import context_of
from .openai_dialect import Dialect, dialect_of
from .retirements import day_in
from .transport import Transport

_FINISH: dict[str, FinishReason] = {"stop": "stop", "length": "length"}
_GAVE_UP = frozenset({"error", "abort"})
"""How OpenRouter, and how vLLM and SGLang finish an answer that they could not."""


class OpenAIProvider(HttpProvider):
    """A model behind ``POST {base_url}/chat/completions``: OpenAI's, a deployment at Azure, or another server's.

    What each of them understands stands in ``openai_dialect``. What a model's complaints tell is remembered: the
    parameters that it turns down, how much it reads, and how long its answers may be. ``context_tokens`` is what is
    assumed where nobody has told: neither a complaint, nor the server's list, nor what is publicly known.
    """

    most_lessons = 4
    """Most servers name one parameter at a time that they do not take."""

    def __init__(
        self,
        *,
        transport: Transport,
        api_key: str | None,
        model: str,
        base_url: str = "https://api.openai.com/v1",
        api_version: str | None = None,
        name: str = "openai",
        organization: str | None = None,
        project: str | None = None,
        connect_timeout: float = 3.0,
        locality: Locality = "cloud",
        on_this_machine: bool = False,
        context_tokens: int = 128_000,
        secrets: Sequence[str] = (),
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._dialect = dialect_of(base_url, api_version)
        super().__init__(
            name=name,
            transport=transport,
            connect_timeout=connect_timeout,
            locality=locality,
            on_this_machine=on_this_machine,
            context_tokens=context_tokens,
            headers=self._dialect.headers(api_key, organization, project),
            keys=(api_key or "", *secrets),
            wall=wall,
        )
        self.priced_as = self._dialect.vendor
        self._model = model
        self._dropped: dict[str, frozenset[str]] = {}
        self._longest: dict[str, int] = {}

    def _authorization(self, key: str) -> dict[str, str]:
        return self._dialect.authorization(key)

    @property
    def model(self) -> str:
        """The configured model."""
        return self._model

    async def ensure_ready(self) -> None:
        """The key is accepted and OpenAI has the model; raises ProviderError.

        Other servers are ready when they answer: many have no list of models, or answer to names that it lacks.
        """
        try:
            listing = await self._ask(self._dialect.check_url(self._model), Any)
        except Misconfigured as error:
            if self._dialect.kind == "openai" or error.reason != "model_missing":
                raise
            return
        told = context_of(self._model, listing)
        if told is not None and not (told.at_most and self._model in self._contexts):
            self._learn_context(self._model, told.tokens)

    async def examine(self) -> Standing:
        """See Provider. OpenAI is asked for the model, others for their list; Azure's names no deployment."""
        url = self._dialect.check_url(self._model)
        if self._dialect.kind == "openai":
            return _standing(self._model, await self._ask(url, _Listed))
        try:
            models = _models(await self._ask(url, Any))
        except Misconfigured as error:
            if error.reason != "model_missing":
                raise
            models = []
        if not models or self._dialect.kind != "other":
            return Standing(self._model, listed=None)
        return _standing(
            self._model, next((model for model in models if _bare(model.id) == _bare(self._model)), None)
        )

    async def _prepare(self, request: ProviderRequest) -> Call:
        decoder = OpenAIDecoder(lambda complaint: self._error(complaint, request))
        url = self._dialect.chat_url(request.model or self._model)
        return Call(url, msgspec.json.encode(self._body(request)), decoder)

    def _adapt(self, complaint: Complaint, request: ProviderRequest, /) -> bool:
        model = request.model or self._model
        before = self._body(request)
        refused = openai_errors.unsupported_parameters(complaint)
        longest, reads = openai_errors.longest_answer(complaint), openai_errors.most_tokens(complaint)
        if refused:
            remember(self._dropped, model, self._dropped.get(model, frozenset()) | refused)
        if longest is not None:
            remember(self._longest, model, longest)
        if reads is not None:
            self._learn_context(model, reads)
        return self._body(request) != before

    def _body(self, request: ProviderRequest) -> dict[str, Any]:
        model = request.model or self._model
        dropped = self._dropped.get(model, frozenset())
        return to_body(request, model, self._dialect, dropped, longest=self._room(request, model))

    def _room(self, request: ProviderRequest, model: str) -> int | None:
        """How long the answer may be, in tokens, where less than what was asked for is known to be taken."""
        asked, context = request.sampling.max_tokens, self._context(model)
        longest = self._longest.get(model)
        if asked is None or context is None or asked <= context * ANSWER_SHARE:
            return longest
        room = context - sum(estimated_tokens(turn.text) + TURN_OVERHEAD_TOKENS for turn in said(request))
        return min(filter(None, (longest, room if room > 0 else None)), default=None)

    def _context(self, model: str) -> int | None:
        return super()._context(model) or self.window(self.priced_as, model)

    def _classify(self, complaint: Complaint) -> Verdict:
        return openai_errors.classify(complaint)


def to_body(
    request: ProviderRequest,
    model: str,
    dialect: Dialect,
    dropped: frozenset[str] = frozenset(),
    *,
    longest: int | None = None,
) -> dict[str, Any]:
    """The body of POST /chat/completions; ``dropped`` names parameters that the model has turned down.

    Where the usual name of the answer's limit was turned down, the other one is used. ``longest`` is the longest
    answer that may be asked for, where that is known.
    """
    sampling = request.sampling
    without = dropped | dialect.not_taken(model)
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": turn.role, "content": turn.text} for turn in said(request)],
        "stream": True,
    }
    if "stream_options" not in without:
        body["stream_options"] = {"include_usage": True}
        if dialect.obfuscates:
            body["stream_options"]["include_obfuscation"] = False
    body |= {name: value for name, value in sampled(sampling).items() if name not in without}
    if sampling.stop and "stop" not in without:
        body["stop"] = list(sampling.stop)
    limit = next((name for name in dialect.limit_names(model) if name not in without), None)
    if sampling.max_tokens is not None and limit is not None:
        body[limit] = sampling.max_tokens if longest is None else min(sampling.max_tokens, longest)
    return body


def _bare(model: str) -> str:
    """A model's name without what some servers' lists put around it."""
    return model.removeprefix("models/").removesuffix(":latest")


class _Listed(msgspec.Struct):
    id: str = ""
    shutdown_date: str | None = None


def _models(listing: Any) -> list[_Listed]:
    """What a list of models names, in OpenAI's envelope or without it; nothing where it is something else."""
    try:
        return msgspec.convert(listing.get("data") if isinstance(listing, dict) else listing, list[_Listed])
    except msgspec.ValidationError:
        return []


def _standing(model: str, listed: _Listed | None) -> Standing:
    if listed is None:
        return Standing(model, listed=False)
    return Standing(model, retires=day_in(listed.shutdown_date))


class _Delta(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _Choice(msgspec.Struct):
    index: int | None = None
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


class _Named(msgspec.Struct):
    object: str | None = None


_decode_named = msgspec.json.Decoder(_Named).decode
_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_usage_decoder = msgspec.json.Decoder(_Usage)


class OpenAIDecoder(SseDecoder):
    """The events of one answer. Usage may come with any event or with none; the last one counts.

    A server that cannot stream sends one whole object with ``message`` where events have ``delta``.
    """

    end_mark = "[DONE]"

    def __init__(self, explain: Callable[[Complaint], ProviderError]) -> None:
        super().__init__()
        self._explain = explain
        self._finish_reason = ""
        self._refusal: list[str] = []
        self._usage: _Usage | None = None

    def _take(self, frame: bytes | str) -> None:
        chunk = _decode_chunk(frame)
        if present(chunk.error) or (chunk.choices is None and _is_error(frame)):
            raise self._explain(from_value(msgspec.json.decode(frame)))
        if chunk.model:
            self._model = chunk.model
        for choice in chunk.choices or ():
            if not choice.index:
                self._take_choice(choice)
        if present(chunk.usage):
            self._usage = lenient(chunk.usage, _usage_decoder) or self._usage

    def _take_choice(self, choice: _Choice) -> None:
        delta = choice.delta or choice.message
        if delta is not None:
            if delta.refusal:
                self._refusal.append(delta.refusal)
            thought = delta.reasoning_content or delta.reasoning
            if thought:
                self._think(thought)
            if delta.content:
                self._say(delta.content)
        if choice.finish_reason:
            self._finish_reason = choice.finish_reason
            self.whole = True

    def reported(self) -> Usage | None:
        """See StreamDecoder."""
        return _to_usage(self._usage)

    def _finish(self) -> Finished:
        raw = self._finish_reason
        if self._refusal:
            refused = Refused("the model declined to answer", reason="refused")
            refused.said = "".join(self._refusal)
            raise refused
        if not raw:
            raise self._truncated()
        if raw == "content_filter":
            raise Refused("the provider's content filter ended the answer", reason="blocked")
        if raw in _GAVE_UP:
            raise Faulted(f"the provider ended the answer amid it ({raw})", reason="server_error")
        return self._finished(_FINISH.get(raw, "other"), raw, self.reported())


def _is_error(frame: bytes | str) -> bool:
    """Whether an event without choices is vLLM's and SGLang's older way to tell of an error."""
    return _decode_named(frame).object == "error"


def _to_usage(usage: _Usage | None) -> Usage | None:
    if usage is None:
        return None
    inputs, outputs = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        reasoning_tokens=outputs.reasoning_tokens if outputs is not None else None,
        cached_tokens=inputs.cached_tokens if inputs is not None else None,
        cache_write_tokens=inputs.cache_write_tokens if inputs is not None else None,
    )
