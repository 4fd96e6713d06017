"""Google's Gemini API: server-sent events without an end mark, the finish reason in the last of them."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from urllib.parse import quote as in_path
from urllib.parse import urlsplit

import msgspec

from ...domain.chat import ProviderRequest
from ...domain.errors import Garbled, Misconfigured, ProviderError, Refused
from ...domain.events import Delta, Finished, FinishReason, TextDelta, Usage
from ...routing.policy import Candidate
from . import gemini_errors
from .complaints import Complaint, Verdict, from_value
from .decoding import SseDecoder, lenient, present
from .http_provider import Call, HttpProvider, said
from .redaction import code_word
from .transport import Transport

MOST_ROUNDS = 16
"""How often an answer may be continued with the token that Gemini gives for it."""
_OFFICIAL = "generativelanguage.googleapis.com"
_FINISH: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    # Ends that are no answer: without text they are empty, with text the reader keeps what there is.
    "FINISH_REASON_UNSPECIFIED": "other",
    "OTHER": "other",
    "LANGUAGE": "other",
    "ESCALATION": "other",
    "MALFORMED_RESPONSE": "other",
    "MALFORMED_FUNCTION_CALL": "other",
    "UNEXPECTED_TOOL_CALL": "other",
    "TOO_MANY_TOOL_CALLS": "other",
    "MISSING_THOUGHT_SIGNATURE": "other",
    "IMAGE_OTHER": "other",
    "NO_IMAGE": "other",
}
"""Together with those below all that the API documents; an unknown one is taken for ``other``."""
_BLOCKED = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)
_ACCOUNT_LIMITED = "PUP_LIMITED_DISABLED"


class GeminiProvider(HttpProvider):
    """A Gemini model; ``model`` with or without ``models/`` before it."""

    def __init__(
        self,
        *,
        transport: Transport,
        api_key: str,
        model: str,
        api_url: str = "https://generativelanguage.googleapis.com",
        api_version: str = "v1beta",
        name: str = "gemini",
        connect_timeout: float = 3.0,
        context_tokens: int = 1_048_576,
        secrets: Sequence[str] = (),
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(
            name=name,
            transport=transport,
            connect_timeout=connect_timeout,
            locality="cloud",
            on_this_machine=False,
            context_tokens=context_tokens,
            headers={"x-goog-api-key": api_key},
            keys=(api_key, *secrets),
            wall=wall,
        )
        self._model = model.removeprefix("models/")
        self._base = f"{api_url.rstrip('/')}/{api_version.strip('/')}"
        self.priced_as = "google" if urlsplit(api_url).hostname == _OFFICIAL else ""
        self._limits: dict[str, int] = {}

    @property
    def model(self) -> str:
        """The configured model, without ``models/``."""
        return self._model

    def candidate(self, model: str = "") -> Candidate:
        """See Provider. How much the model reads is known once its free check has told."""
        candidate = super().candidate(model.removeprefix("models/"))
        return replace(candidate, context_tokens=self._limits.get(candidate.model, candidate.context_tokens))

    async def ensure_ready(self) -> None:
        """The key is accepted and the model is there; raises ProviderError."""
        about = await self._ask(self._url(self._model), _About)
        if about.input_token_limit:
            self._limits[self._model] = about.input_token_limit

    async def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        """See Provider. An answer that Gemini hands out in rounds is asked for to its end, with the same body.

        A lock that comes meanwhile cancels the caller's task, and with it this generator and its connection.
        """
        token, used, spoke = "", None, False
        for rounds in range(1, MOST_ROUNDS + 1):
            decoder = GeminiDecoder(lambda complaint: self._error(complaint, request), spoke=spoke)
            call = self._call(request, decoder, token)

            async def prepare(_request: ProviderRequest, call: Call = call) -> Call:
                return call

            async with aclosing(self._exchange(request, prepare)) as deltas:
                async for delta in deltas:
                    if not isinstance(delta, Finished):
                        spoke = spoke or isinstance(delta, TextDelta)
                        yield delta
                        continue
                    used = _added(used, delta.usage)
                    token = decoder.continuation
                    if not token or rounds == MOST_ROUNDS:
                        yield replace(delta, usage=used)
                        return

    async def _prepare(self, request: ProviderRequest) -> Call:
        return self._call(request, GeminiDecoder(lambda complaint: self._error(complaint, request)))

    def _call(self, request: ProviderRequest, decoder: "GeminiDecoder", token: str = "") -> Call:
        body = to_body(request)
        if token:
            body["continuationToken"] = token
        url = f"{self._url(request.model or self._model)}:streamGenerateContent?alt=sse"
        return Call(url, msgspec.json.encode(body), decoder)

    def _url(self, model: str) -> str:
        model = model.removeprefix("models/")
        return f"{self._base}/{in_path(model if '/' in model else f'models/{model}', safe='/')}"

    def _classify(self, complaint: Complaint) -> Verdict:
        return gemini_errors.classify(complaint)


def to_body(request: ProviderRequest) -> dict[str, Any]:
    """The body of :streamGenerateContent.

    Gemini wants turns to alternate and the first to be the user's: neighbours with one role become parts of one
    turn, and what the model said before the user's first word is left out.
    """
    contents: list[dict[str, Any]] = []
    system: list[dict[str, str]] = []
    for turn in said(request):
        part = {"text": turn.text}
        role = "model" if turn.role == "assistant" else "user"
        if turn.role == "system":
            system.append(part)
        elif contents and contents[-1]["role"] == role:
            contents[-1]["parts"].append(part)
        elif contents or role == "user":
            contents.append({"role": role, "parts": [part]})
    body: dict[str, Any] = {"contents": contents}
    if system:
        body["systemInstruction"] = {"parts": system}
    config = _generation_config(request)
    if config:
        body["generationConfig"] = config
    return body


def _generation_config(request: ProviderRequest) -> dict[str, Any]:
    sampling = request.sampling
    config: dict[str, Any] = {}
    if sampling.temperature is not None:
        config["temperature"] = sampling.temperature
    if sampling.max_tokens is not None:
        config["maxOutputTokens"] = sampling.max_tokens
    if sampling.stop:
        config["stopSequences"] = list(sampling.stop)
    return config


class _Wire(msgspec.Struct, rename="camel"):
    """A part of an answer, by its camelCase names."""


class _About(_Wire):
    """What GET models/{model} tells of a model."""

    input_token_limit: int | None = None


class _Part(_Wire):
    text: str = ""
    thought: bool = False


class _Content(_Wire):
    parts: list[_Part] | None = None


class _Candidate(_Wire):
    content: _Content | None = None
    finish_reason: str | None = None
    index: int = 0
    continuation_token: str | None = None


class _PromptFeedback(_Wire):
    block_reason: str = ""


class _Usage(_Wire):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None


class _Chunk(_Wire):
    candidates: list[_Candidate] | None = None
    prompt_feedback: _PromptFeedback | None = None
    usage_metadata: msgspec.Raw = msgspec.Raw()
    model_version: str | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode_frame = msgspec.json.Decoder(_Chunk | list[_Chunk]).decode
_usage_decoder = msgspec.json.Decoder(_Usage)


class GeminiDecoder(SseDecoder):
    """The events of one answer, or the JSON array that comes where ``alt=sse`` was lost on the way.

    The last finish reason and the last usage count: older streams repeat STOP in every event, and the usage is a
    running total.
    """

    def __init__(self, explain: Callable[[Complaint], ProviderError], *, spoke: bool = False) -> None:
        """``spoke``: an earlier round of the same answer brought text."""
        super().__init__()
        self._spoke = spoke
        self.continuation = ""
        self._explain = explain
        self._finish_reason = ""
        self._usage: msgspec.Raw = msgspec.Raw()
        self._saw_candidate = False
        self._block_reason: str | None = None

    def _take(self, frame: bytes | str) -> None:
        decoded = _decode_frame(frame)
        for chunk in decoded if isinstance(decoded, list) else (decoded,):
            self._take_chunk(chunk)

    def _take_chunk(self, chunk: _Chunk) -> None:
        if present(chunk.error):
            raise self._explain(from_value({"error": msgspec.json.decode(chunk.error)}))
        if chunk.model_version:
            self._model = chunk.model_version
        if present(chunk.usage_metadata):
            self._usage = chunk.usage_metadata
        if chunk.prompt_feedback is not None and not chunk.candidates:
            self._block_reason = code_word(chunk.prompt_feedback.block_reason)
        for candidate in chunk.candidates or ():
            if candidate.index == 0:
                self._take_candidate(candidate)

    def _take_candidate(self, candidate: _Candidate) -> None:
        self._saw_candidate = True
        content = candidate.content
        if content is not None and content.parts:
            for part in content.parts:
                if part.text:
                    (self._think if part.thought else self._say)(part.text)
        if candidate.finish_reason:
            self._finish_reason = candidate.finish_reason
        if candidate.continuation_token:
            self.continuation = candidate.continuation_token

    def reported(self) -> Usage | None:
        """See StreamDecoder."""
        return _to_usage(self._usage)

    def _finish(self) -> Finished:
        raw = self._finish_reason
        if raw in _BLOCKED:
            raise Refused(f"the answer was blocked ({raw})", reason="blocked")
        if self._block_reason is not None and not self._saw_candidate:
            raise Refused(f"the prompt was blocked ({self._block_reason})", reason="blocked")
        if raw == _ACCOUNT_LIMITED:
            raise Misconfigured(f"the account is limited ({raw})", reason="auth")
        if not raw:
            if self._good and not self._saw_candidate:
                raise Garbled("no candidates in the answer", reason="empty")
            raise self._truncated()
        return self._finished(_FINISH.get(raw, "other"), raw, self.reported())


def _to_usage(raw: msgspec.Raw) -> Usage | None:
    usage = lenient(raw, _usage_decoder) if present(raw) else None
    if usage is None:
        return None
    return Usage(
        input_tokens=_sum(usage.prompt_token_count, usage.tool_use_prompt_token_count),
        output_tokens=_sum(usage.candidates_token_count, usage.thoughts_token_count),
        reasoning_tokens=usage.thoughts_token_count,
        cached_tokens=usage.cached_content_token_count,
    )


def _added(one: Usage | None, other: Usage | None) -> Usage | None:
    """What two rounds used together: each reports its own."""
    if one is None or other is None:
        return one or other
    return Usage(
        _sum(one.input_tokens, other.input_tokens),
        _sum(one.output_tokens, other.output_tokens),
        _sum(one.reasoning_tokens, other.reasoning_tokens),
        _sum(one.cached_tokens, other.cached_tokens),
    )


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
