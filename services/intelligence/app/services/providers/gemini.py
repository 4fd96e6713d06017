"""Google's Gemini API: server-sent events without an end mark, the finish reason in the last of them."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote as in_path
from urllib.parse import urlsplit

import msgspec

from ...domain.chat import ProviderRequest, Sampling
from ...domain.errors import ProviderError
from ...domain.events import Delta, Finished, TextDelta, Usage
from ...routing.policy import Candidate
from . import gemini_errors
from .complaints import Complaint, Verdict
from .gemini_decoder import GeminiDecoder
from .http_provider import Call, HttpProvider, remember, said, sampled
from .transport import Transport

MOST_ROUNDS = 16
"""How often an answer may be continued with the token that Gemini gives for it."""
_OFFICIAL = "generativelanguage.googleapis.com"
_PENALTIES = frozenset({"frequency_penalty", "presence_penalty"})
_NAMES = {"top_p": "topP", "frequency_penalty": "frequencyPenalty", "presence_penalty": "presencePenalty"}


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
            headers=self._authorization(api_key),
            keys=(api_key, *secrets),
            wall=wall,
        )
        self._model = model.removeprefix("models/")
        self._base = f"{api_url.rstrip('/')}/{api_version.strip('/')}"
        self.priced_as = "google" if urlsplit(api_url).hostname == _OFFICIAL else ""
        self._without_penalties: dict[str, Literal[True]] = {}

    def _authorization(self, key: str) -> dict[str, str]:
        return {"x-goog-api-key": key}

    @property
    def model(self) -> str:
        """The configured model, without ``models/``."""
        return self._model

    def candidate(self, model: str = "") -> Candidate:
        """See Provider. A caller that writes ``models/`` is answered by the name that it used."""
        candidate = super().candidate(model.removeprefix("models/"))
        return candidate if candidate.asked_model == model else replace(candidate, asked_model=model)

    async def ensure_ready(self) -> None:
        """The key is accepted and the model is there; raises ProviderError."""
        about = await self._ask(self._url(self._model), _About)
        if about.input_token_limit:
            self._learn_context(self._model, about.input_token_limit)

    async def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        """See Provider. An answer that Gemini hands out in rounds is asked for to its end, with the same body.

        A lock that comes meanwhile cancels the caller's task, and with it this generator and its connection.
        """
        used: Usage | None = None
        token, spoke, skipped = "", False, 0
        for number in range(1, MOST_ROUNDS + 1):
            decoder = GeminiDecoder(
                lambda complaint: self._error(complaint, request),
                token=token,
                spoke=spoke,
                last=number == MOST_ROUNDS,
            )

            async def prepare(
                _request: ProviderRequest, decoder: GeminiDecoder = decoder, token: str = token
            ) -> Call:
                return self._call(request, decoder, token)

            try:
                async with aclosing(self._exchange(request, prepare)) as deltas:
                    async for delta in deltas:
                        if not isinstance(delta, Finished):
                            spoke = spoke or isinstance(delta, TextDelta)
                            yield delta
                            continue
                        used = _together(used, delta.usage)
                        skipped += delta.skipped_frames
                        token = decoder.continuation
                        if not token:
                            yield replace(delta, usage=used, skipped_frames=skipped)
                            return
            except ProviderError as error:
                error.usage = _together(used, error.usage)
                raise

    async def _prepare(self, request: ProviderRequest) -> Call:
        return self._call(request, GeminiDecoder(lambda complaint: self._error(complaint, request)))

    def _adapt(self, complaint: Complaint, request: ProviderRequest, /) -> bool:
        model = request.model or self._model
        reads = gemini_errors.most_tokens(complaint)
        if reads is not None:
            self._learn_context(model.removeprefix("models/"), reads)
            # The same prompt would be too long again: whoever cuts it asks anew.
            return False
        penalties = _PENALTIES & sampled(request.sampling).keys()
        if model in self._without_penalties or not (penalties and gemini_errors.rejects_penalties(complaint)):
            return False
        remember(self._without_penalties, model, True)
        return True

    def _call(self, request: ProviderRequest, decoder: GeminiDecoder, token: str = "") -> Call:
        model = request.model or self._model
        body = to_body(request, penalties=model not in self._without_penalties)
        if token:
            body["continuationToken"] = token
        url = f"{self._url(model)}:streamGenerateContent?alt=sse"
        return Call(url, msgspec.json.encode(body), decoder)

    def _url(self, model: str) -> str:
        model = model.removeprefix("models/")
        return f"{self._base}/{in_path(model if '/' in model else f'models/{model}', safe='/')}"

    def _classify(self, complaint: Complaint) -> Verdict:
        return gemini_errors.classify(complaint)


def to_body(request: ProviderRequest, *, penalties: bool = True) -> dict[str, Any]:
    """The body of :streamGenerateContent; without ``penalties`` for a model that takes none.

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
    config = _generation_config(request.sampling, penalties=penalties)
    if config:
        body["generationConfig"] = config
    return body


def _generation_config(sampling: Sampling, *, penalties: bool) -> dict[str, Any]:
    asked = sampled(sampling, seed_bits=31)
    config: dict[str, Any] = {
        _NAMES.get(name, name): value for name, value in asked.items() if penalties or name not in _PENALTIES
    }
    if sampling.max_tokens is not None:
        config["maxOutputTokens"] = sampling.max_tokens
    if sampling.stop:
        config["stopSequences"] = list(sampling.stop)
    return config


class _About(msgspec.Struct, rename="camel"):
    """What GET models/{model} tells of a model."""

    input_token_limit: int | None = None


def _together(one: Usage | None, other: Usage | None) -> Usage | None:
    return one or other if one is None or other is None else one + other
