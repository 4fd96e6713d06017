"""Ollama over its native API: newline-delimited JSON, and a model from the server's own list where none is set."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ...domain.chat import Locality, ProviderRequest
from ...domain.errors import Misconfigured, ProviderError
from ...domain.events import Finished, FinishReason, Usage
from . import ollama_errors
from .complaints import Complaint, Verdict, from_value
from .decoding import NdjsonDecoder, present
from .http_provider import Call, HttpProvider, said
from .transport import Transport

_FINISH: dict[str, FinishReason] = {"stop": "stop", "length": "length"}


class LocalOllamaProvider(HttpProvider):
    """An Ollama server, or one that speaks its API.

    ``model`` None means the first chat model that the server lists, remembered until the server says that it is gone.
    A ``-cloud`` model is cloud whatever ``locality`` says, and any other model whose answers the server would fetch
    from elsewhere is never asked while ``locality`` is local.
    ``num_ctx`` is the context length in tokens; it never changes, because Ollama reloads the model when it does.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        base_url: str,
        model: str | None = None,
        name: str = "ollama",
        api_key: str | None = None,
        num_ctx: int = 4096,
        connect_timeout: float = 3.0,
        locality: Locality = "local",
        on_this_machine: bool = True,
        secrets: Sequence[str] = (),
        wall: Callable[[], float] = time.time,
    ) -> None:
        if is_cloud_name(model or ""):
            locality, on_this_machine = "cloud", False
        super().__init__(
            name=name,
            transport=transport,
            connect_timeout=connect_timeout,
            locality=locality,
            on_this_machine=on_this_machine,
            context_tokens=num_ctx,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            keys=(api_key or "", *secrets),
            wall=wall,
        )
        self._url = base_url.rstrip("/")
        self._configured = model or ""
        self._chosen = ""
        self._num_ctx = num_ctx

    @property
    def model(self) -> str:
        """The configured model, else the one that was chosen; empty while none is."""
        return self._configured or self._chosen

    async def ensure_ready(self) -> None:
        """The server answers and lists the model; raises ProviderError. Never loads a model."""
        await self._ask(f"{self._url}/api/version", dict[str, Any])
        await self._choose()

    async def _prepare(self, request: ProviderRequest) -> Call:
        if not self._chosen:
            await self._choose()
        body = msgspec.json.encode(to_body(request, self._chosen, self._num_ctx))
        decoder = OllamaDecoder(lambda complaint: self._error(complaint, request))
        return Call(f"{self._url}/api/chat", body, decoder)

    def _adapt(self, complaint: Complaint, _request: ProviderRequest, /) -> bool:
        if self._classify(complaint).reason != "model_missing":
            return False
        self._chosen = ""
        return not self._configured

    async def _choose(self) -> None:
        """Settle on a listed model; raises Misconfigured (model_missing) where there is none to use."""
        listing = await self._ask(f"{self._url}/api/tags", _Listing)
        before, self._chosen = self._chosen, ""
        if self._configured:
            listed = next((entry for entry in listing.models if same_model(entry.name, self._configured)), None)
            if listed is None:
                raise Misconfigured(f"the server does not list the model {self._configured}", reason="model_missing")
            if self.locality == "local" and listed.is_remote:
                raise Misconfigured(
                    f"{self._configured} runs in the cloud; set OLLAMA_LOCALITY=cloud to use it",
                    reason="model_missing",
                )
            self._chosen = self._configured
            return
        usable = [
            entry for entry in listing.models if entry.can_chat and not (entry.is_remote and self.locality == "local")
        ]
        if not usable:
            raise Misconfigured(
                "the server lists no chat model; pull one or set OLLAMA_MODEL", reason="model_missing"
            )
        names = [entry.name for entry in usable]
        self._chosen = before if before in names else names[0]

    def _classify(self, complaint: Complaint) -> Verdict:
        return ollama_errors.classify(complaint)


def to_body(request: ProviderRequest, model: str, num_ctx: int) -> dict[str, Any]:
    """The body of POST /api/chat.

    The options that decide how a model is loaded are the same in every call. An answer may fill the context, no more.
    """
    sampling = request.sampling
    options: dict[str, Any] = {"num_ctx": num_ctx, "num_predict": min(sampling.max_tokens or num_ctx, num_ctx)}
    if sampling.temperature is not None:
        options["temperature"] = sampling.temperature
    if sampling.stop:
        options["stop"] = list(sampling.stop)
    return {
        "model": model,
        "messages": [{"role": turn.role, "content": turn.text} for turn in said(request)],
        "stream": True,
        "truncate": False,
        "shift": False,
        "options": options,
    }


def same_model(one: str, other: str) -> bool:
    """Whether two names mean one model: the default registry, the tag ``:latest`` and capitals may be left out."""
    return _with_tag(one) == _with_tag(other)


def is_cloud_name(name: str) -> bool:
    """Whether the name alone says that the model runs in Ollama's cloud."""
    return name.endswith(("-cloud", ":cloud"))


def _with_tag(name: str) -> str:
    short = name.lower().removeprefix("registry.ollama.ai/").removeprefix("library/")
    return short if ":" in short.rsplit("/", 1)[-1] else f"{short}:latest"


class _Listed(msgspec.Struct):
    name: str = ""
    model: str = ""
    remote_host: str = ""
    capabilities: list[str] | None = None

    @property
    def can_chat(self) -> bool:
        return not self.capabilities or "completion" in self.capabilities

    @property
    def is_remote(self) -> bool:
        return bool(self.remote_host) or is_cloud_name(self.name)


class _Listing(msgspec.Struct):
    models: list[_Listed] = []


class _Message(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None


class _Line(msgspec.Struct):
    message: _Message | None = None
    response: str | None = None
    done: bool = False
    done_reason: str | None = None
    model: str | None = None
    error: msgspec.Raw = msgspec.Raw()
    prompt_eval_count: int | None = None
    eval_count: int | None = None


_decode_line = msgspec.json.Decoder(_Line).decode


class OllamaDecoder(NdjsonDecoder):
    """The lines of one answer. ``response`` is what /api/generate calls the text."""

    def __init__(self, explain: Callable[[Complaint], ProviderError]) -> None:
        super().__init__()
        self._explain = explain
        self._last: _Line | None = None

    def _take(self, frame: bytes | str) -> None:
        line = _decode_line(frame)
        if present(line.error):
            raise self._explain(from_value({"error": msgspec.json.decode(line.error)}))
        message = line.message
        if message is None:
            if line.response:
                self._say(line.response)
        else:
            if message.thinking:
                self._think(message.thinking)
            if message.content:
                self._say(message.content)
        if line.done:
            self._last = line
            self._model = line.model
            self.whole = self.over = True

    def _finish(self) -> Finished:
        last = self._last
        if last is None:
            raise self._truncated()
        usage = None
        if last.prompt_eval_count is not None or last.eval_count is not None:
            usage = Usage(last.prompt_eval_count, last.eval_count)
        return self._finished(_FINISH.get(last.done_reason or "", "other"), last.done_reason or None, usage)
