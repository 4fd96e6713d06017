"""Ollama over its native API: newline-delimited JSON, and a model from the server's own list where none is set."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from ...domain.chat import Locality, ProviderRequest
from ...domain.errors import ContextTooLong, Faulted, Garbled, Misconfigured, ProviderError, RejectedRequest
from ...domain.events import Finished, FinishReason, Usage
from ...routing.history import TURN_OVERHEAD_TOKENS, estimated_tokens
from ...routing.policy import Candidate
from . import ollama_errors
from .base import Standing
from .complaints import Complaint, Verdict, from_value
from .decoding import NdjsonDecoder, lenient, present
from .http_provider import Call, HttpProvider, said, sampled
from .transport import Transport

MOST_MODELS = 64
"""How many models are remembered: callers may name any that the server lists."""
_FINISH: dict[str, FinishReason] = {"stop": "stop", "length": "length"}


class LocalOllamaProvider(HttpProvider):
    """An Ollama server, or one that speaks its API.

    ``model`` None means the first chat model that the server lists, remembered until the server says that it is gone.
    A ``-cloud`` model is cloud whatever ``locality`` says, and any other model whose answers the server would fetch
    from elsewhere is never asked while ``locality`` is local.
    ``num_ctx`` is the context length to load a model with, in tokens, or the model's own where that is shorter; for
    one model it never changes, because Ollama would load it anew. A prompt that the server seems to have cut without
    a word is remembered by its length: none that long is sent to that model again.
    """

    prefills = True

    def __init__(
        self,
        *,
        transport: Transport,
        base_url: str,
        model: str | None = None,
        name: str = "ollama",
        api_key: str | None = None,
        num_ctx: int = 4096,
        keep_alive: str | None = None,
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
        self._keep_alive = _duration(keep_alive)
        self._known: dict[str, _Known] = {}

    @property
    def model(self) -> str:
        """The configured model, else the one that was chosen; empty while none is."""
        return self._configured or self._chosen

    def candidate(self, model: str = "") -> Candidate:
        """See Provider. A model that runs in Ollama's cloud is cloud, wherever the server is."""
        candidate = super().candidate(model)
        known = self._known.get(candidate.model)
        if known is not None:
            candidate = replace(candidate, context_tokens=known.num_ctx)
        if is_cloud_name(candidate.model):
            return replace(candidate, locality="cloud", on_this_machine=False)
        return candidate

    async def ensure_ready(self) -> None:
        """The server answers and lists the model; raises ProviderError. Never loads a model."""
        await self._ask(f"{self._url}/api/version", dict[str, Any])
        await self._choose()

    async def examine(self) -> Standing:
        """See Provider. Nothing of it is remembered."""
        told = await self._ask(f"{self._url}/api/version", _Version)
        name = await self._listed(self._configured) if self._configured else await self._first_usable()
        if is_cloud_name(name):
            return Standing(name, version=told.version, hosted=True)
        return Standing(name, version=told.version, loaded=not await self.is_cold(name))

    async def is_cold(self, model: str = "", /) -> bool:
        """See Provider: whether /api/ps does not list the model."""
        name = model or await self._settled()
        if is_cloud_name(name):
            return False
        running = await self._ask(f"{self._url}/api/ps", _Listing)
        return not any(same_model(entry.name, name) for entry in running.models)

    async def warm_up(self, model: str = "", /) -> None:
        """See Provider: a chat without messages loads the model."""
        name = model or await self._settled()
        known = await self._know(name)
        body: dict[str, Any] = {"model": name, "messages": [], "stream": False, **_loading(known.num_ctx)}
        if self._keep_alive is not None:
            body["keep_alive"] = self._keep_alive
        await self._ask(f"{self._url}/api/chat", dict[str, Any], body)

    async def _prepare(self, request: ProviderRequest) -> Call:
        name = request.model or await self._settled()
        if request.model and name not in self._known:
            await self._listed(name)
        known = await self._know(name)
        length = sum(estimated_tokens(turn.text) + TURN_OVERHEAD_TOKENS for turn in said(request))
        if length >= known.too_long:
            raise ContextTooLong(
                f"{name} has cut a prompt of this length before; raise OLLAMA_NUM_CTX for longer ones",
                reason="context_too_long",
            )
        body = to_body(request, name, known.num_ctx)
        if self._keep_alive is not None:
            body["keep_alive"] = self._keep_alive

        def judge(read: int | None) -> bool:
            """Whether the prompt was cut, by what the server says that it has read."""
            cut = length > known.num_ctx or (read is not None and read >= known.num_ctx)
            if cut:
                known.too_long = min(known.too_long, length)
            return cut

        decoder = OllamaDecoder(lambda complaint: self._error(complaint, request), judge)
        return Call(f"{self._url}/api/chat", msgspec.json.encode(body), decoder)

    def _adapt(self, complaint: Complaint, request: ProviderRequest, /) -> bool:
        if self._classify(complaint).reason != "model_missing":
            return False
        self._chosen = ""
        return not self._configured and not request.model

    async def _settled(self) -> str:
        """The model to use where the caller names none."""
        return self._chosen or await self._choose()

    async def _know(self, name: str) -> "_Known":
        """What is known of a model, asked for once; a server that cannot tell costs nothing."""
        known = self._known.get(name)
        if known is None:
            known = _Known(self._num_ctx)
            with contextlib.suppress(Garbled, RejectedRequest, Faulted, Misconfigured):
                shown = await self._ask(f"{self._url}/api/show", _Shown, {"model": name})
                known.num_ctx = min(self._num_ctx, shown.context_length or self._num_ctx)
                known.remote = bool(shown.remote_host)
            if len(self._known) >= MOST_MODELS:
                del self._known[next(iter(self._known))]
            self._known[name] = known
        self._keep_at_home(name, remote=known.remote)
        return known

    async def _listed(self, name: str) -> str:
        """The name, held against the server's list; raises Misconfigured (model_missing)."""
        listing = await self._ask(f"{self._url}/api/tags", _Listing)
        listed = next((entry for entry in listing.models if same_model(entry.name, name)), None)
        if listed is None:
            raise Misconfigured(f"the server does not list the model {name}", reason="model_missing")
        self._keep_at_home(name, remote=listed.is_remote)
        return name

    async def _choose(self) -> str:
        """Settle on a listed model; raises Misconfigured (model_missing) where there is none to use.

        Several calls may choose at the same time: what is settled changes in one step.
        """
        try:
            name = await self._listed(self._configured) if self._configured else await self._first_usable()
            await self._know(name)
        except Misconfigured:
            self._chosen = ""
            raise
        self._chosen = name
        return name

    async def _first_usable(self) -> str:
        """The model chosen before while it is listed, else the first chat model of the list."""
        listing = await self._ask(f"{self._url}/api/tags", _Listing)
        names = [entry.name for entry in listing.models if self._is_usable(entry)]
        if not names:
            raise Misconfigured(
                "the server lists no chat model; pull one or set OLLAMA_MODEL", reason="model_missing"
            )
        return self._chosen if self._chosen in names else names[0]

    def _keep_at_home(self, name: str, *, remote: bool) -> None:
        """Nothing that is taken for local goes to a model that answers from elsewhere; raises Misconfigured."""
        if remote and self.candidate(name).locality == "local":
            raise Misconfigured(
                f"{name} runs in the cloud; set OLLAMA_LOCALITY=cloud to use it", reason="model_missing"
            )

    def _is_usable(self, entry: "_Listed") -> bool:
        return entry.can_chat and not (entry.is_remote and self.locality == "local")

    def _error(self, complaint: Complaint, request: ProviderRequest | None) -> ProviderError:
        error = super()._error(complaint, request)
        name = (request.model if request is not None else "") or self.model
        known = self._known.get(name)
        # The account at Ollama's cloud, or what is allowed of it, has no bearing on the models that run here.
        error.of_model = is_cloud_name(name) or (known is not None and known.remote)
        return error

    def _classify(self, complaint: Complaint) -> Verdict:
        return ollama_errors.classify(complaint)


def to_body(request: ProviderRequest, model: str, num_ctx: int) -> dict[str, Any]:
    """The body of POST /api/chat.

    An answer may fill the context, no more.
    """
    sampling = request.sampling
    loading = _loading(num_ctx)
    options = loading["options"]
    options["num_predict"] = min(sampling.max_tokens or num_ctx, num_ctx)
    options |= sampled(sampling, seed_bits=31)
    if sampling.stop:
        options["stop"] = list(sampling.stop)
    return {
        "model": model,
        "messages": [{"role": turn.role, "content": turn.text} for turn in said(request)],
        "stream": True,
        "truncate": False,
        **loading,
    }


def _loading(num_ctx: int) -> dict[str, Any]:
    """What decides how a model is loaded: a call that differs in it from the one before has it loaded anew."""
    return {"shift": False, "options": {"num_ctx": num_ctx}}


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


class _Version(msgspec.Struct):
    version: str = ""


class _Shown(msgspec.Struct):
    model_info: dict[str, Any] = {}
    remote_host: str = ""

    @property
    def context_length(self) -> int | None:
        """The model's own, in tokens: ``<architecture>.context_length``."""
        found = (value for key, value in self.model_info.items() if key.endswith(".context_length"))
        return next((value for value in found if isinstance(value, int) and value > 0), None)


@dataclass(slots=True)
class _Known:
    """What is known of one model: the context it is loaded with, and the shortest prompt that was too long for it."""

    num_ctx: int
    too_long: float = float("inf")
    remote: bool = False


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


class _Stats(msgspec.Struct):
    """What the last line tells beside; durations in nanoseconds. A number that is zero is left out."""

    prompt_eval_count: int | None = None
    prompt_eval_duration: float | None = None
    eval_count: int | None = None
    eval_duration: float | None = None

    @property
    def busy_seconds(self) -> float | None:
        """Reading the prompt and writing the answer."""
        spent = ((self.prompt_eval_duration or 0.0) + (self.eval_duration or 0.0)) / 1e9
        return spent if spent > 0 else None


_decode_line = msgspec.json.Decoder(_Line).decode
_stats_decoder = msgspec.json.Decoder(_Stats)


class OllamaDecoder(NdjsonDecoder):
    """The lines of one answer. ``response`` is what /api/generate calls the text."""

    def __init__(
        self, explain: Callable[[Complaint], ProviderError], was_cut: Callable[[int | None], bool] | None = None
    ) -> None:
        """``was_cut`` says whether the prompt was, from the tokens that the server has read of it."""
        super().__init__()
        self._explain = explain
        self._was_cut = was_cut or (lambda _read: False)
        self._last: _Line | None = None
        self._stats = _Stats()

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
            self._stats = lenient(frame, _stats_decoder) or self._stats
            self._model = line.model
            self.whole = self.over = True

    def reported(self) -> Usage | None:
        """See StreamDecoder."""
        read, written = self._stats.prompt_eval_count, self._stats.eval_count
        return None if read is None and written is None else Usage(read, written)

    def _finish(self) -> Finished:
        last = self._last
        if last is None:
            raise self._truncated()
        reason, raw = _FINISH.get(last.done_reason or "", "other"), last.done_reason or None
        finished = self._finished(reason, raw, self.reported())
        stats = self._stats
        return replace(finished, prompt_cut=self._was_cut(stats.prompt_eval_count), busy_seconds=stats.busy_seconds)


def _duration(text: str | None) -> str | float | None:
    """``keep_alive`` as Ollama reads it: a bare number is one of seconds, and is not a text."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        return text
    return int(seconds) if seconds.is_integer() else seconds
