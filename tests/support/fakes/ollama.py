"""A fake Ollama: /api/chat as newline-delimited JSON, /api/version, /api/tags, /api/ps, /api/show."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from .behaviours import Behaviour, End, Reply, Say
from .connection import Request
from .server import FakeServer, Frames

VERSION = "0.14.2"
CREATED_AT = "2026-11-22T10:00:00.000000001Z"
DIGEST = "ab" * 32


class FakeOllama(FakeServer):
    """``models`` are installed, the first of them first in /api/tags; those in ``loaded`` (None: all) are in memory.

    ``capabilities`` names what a model can do where that is not chat.
    """

    def __init__(
        self,
        script: Iterable[Behaviour] = (),
        *,
        models: Sequence[str] = ("llama3.2:latest",),
        loaded: Sequence[str] | None = None,
        capabilities: dict[str, list[str]] | None = None,
        remote_hosts: dict[str, str] | None = None,
        context_length: int | None = None,
        default: Behaviour | None = None,
        checks: Iterable[Behaviour] = (),
    ) -> None:
        super().__init__(script, default=default, checks=checks)
        self.models = list(models)
        self.loaded = list(models if loaded is None else loaded)
        self.context_length = context_length
        self.capabilities = capabilities or {}
        self.remote_hosts = remote_hosts or {}

    def is_chat(self, request: Request) -> bool:
        """POST /api/chat with something to answer."""
        return request.method == "POST" and request.path == "/api/chat" and bool((request.body or {}).get("messages"))

    def frames(self, request: Request) -> Frames:
        """Lines for the model that was asked for."""
        return _Lines(_tagged((request.body or {}).get("model", "")))

    def turn_down(self, request: Request) -> Reply | None:
        """A model that is not installed."""
        model = (request.body or {}).get("model", "")
        if not model:
            return Reply(400, {"error": "model is required"})
        if _tagged(model) not in map(_tagged, self.models):
            return Reply(404, {"error": f"model '{model}' not found"})
        return None

    def check(self, request: Request) -> Reply:
        """The calls that cost nothing."""
        match request.method, request.path:
            case "GET" | "HEAD", "/":
                return Reply(200, "Ollama is running")
            case "GET" | "HEAD", "/api/version":
                return Reply(200, {"version": VERSION})
            case "GET" | "HEAD", "/api/tags":
                return Reply(200, {"models": [self._listed(model) for model in self.models]})
            case "GET", "/api/ps":
                return Reply(200, {"models": [_running(model) for model in self.loaded]})
            case "POST", "/api/show":
                return self._show(request)
            case "POST", "/api/chat" | "/api/generate":
                return self._load(request)
        return Reply(404, "404 page not found")

    def error_body(self, status: int) -> Any:
        """Ollama's errors have a sentence and no code."""
        sentences = {
            401: "unauthorized",
            404: "model 'llama3.2' not found",
            503: "server busy, please try again.  maximum pending requests exceeded",
        }
        return {"error": sentences.get(status, f"the fake was told to answer {status}")}

    def block(self, request: Request) -> Behaviour:
        """Ollama has no safety filter: the model itself declines."""
        return (Say("I cannot help with that."), End())

    def _show(self, request: Request) -> Reply:
        refusal = self.turn_down(request)
        if refusal is not None:
            return refusal
        model = (request.body or {})["model"]
        info = {} if self.context_length is None else {"llama.context_length": self.context_length}
        return Reply(200, {"model_info": info, "details": _DETAILS, "capabilities": self._can(model)})

    def _load(self, request: Request) -> Reply:
        refusal = self.turn_down(request)
        if refusal is not None:
            return refusal
        model = _tagged(request.body["model"])
        unload = request.body.get("keep_alive") == 0
        if unload:
            self.loaded = [name for name in self.loaded if _tagged(name) != model]
        elif model not in map(_tagged, self.loaded):
            self.loaded.append(model)
        done = {"model": model, "created_at": CREATED_AT, "message": {"role": "assistant", "content": ""}}
        return Reply(200, {**done, "done_reason": "unload" if unload else "load", "done": True})

    def _listed(self, model: str) -> dict[str, Any]:
        name = _tagged(model)
        entry = {
            "name": name,
            "model": name,
            "modified_at": "2026-11-01T12:00:00.000000000Z",
            "size": 2_019_393_189,
            "digest": DIGEST,
            "details": _DETAILS,
            "capabilities": self._can(model),
        }
        return {**entry, "remote_host": self.remote_hosts[model]} if model in self.remote_hosts else entry

    def _can(self, model: str) -> list[str]:
        return self.capabilities.get(model, ["completion"])


class _Lines(Frames):
    content_type = "application/x-ndjson"

    def __init__(self, model: str) -> None:
        self._model = model
        self._tokens = 0

    def say(self, text: str) -> bytes:
        self._tokens += 1
        return self._line({"message": {"role": "assistant", "content": text}, "done": False})

    def think(self, text: str) -> bytes:
        self._tokens += 1
        return self._line({"message": {"role": "assistant", "content": "", "thinking": text}, "done": False})

    def ping(self) -> bytes:
        return self._line({"message": {"role": "assistant", "content": ""}, "done": False})

    def fail(self, message: str, status: int) -> bytes:
        return json.dumps({"error": message}).encode() + b"\n"

    def end(self, finish: str, *, usage: bool) -> bytes:
        # Those of a real answer, a hundredth: the fake is that quick, and whoever queues goes by them.
        stats = {
            "total_duration": 1_719_468,
            "load_duration": 384_733,
            "prompt_eval_count": 16,
            "prompt_eval_duration": 276_083,
            "eval_count": self._tokens,
            "eval_duration": 1_056_119,
        }
        line = {
            "message": {"role": "assistant", "content": ""},
            "done_reason": "length" if finish == "length" else "stop",
            "done": True,
        }
        return self._line({**line, **(stats if usage else {"total_duration": 1_719_468})})

    def _line(self, fields: dict[str, Any]) -> bytes:
        return json.dumps({"model": self._model, "created_at": CREATED_AT, **fields}).encode() + b"\n"


_DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "3.2B",
    "quantization_level": "Q4_K_M",
}


def _running(model: str) -> dict[str, Any]:
    name = _tagged(model)
    return {
        "name": name,
        "model": name,
        "size": 3_500_000_000,
        "digest": DIGEST,
        "details": _DETAILS,
        "expires_at": "2026-11-22T10:05:00.000000000Z",
        "size_vram": 0,
        "context_length": 4096,
    }


def _tagged(name: str) -> str:
    return name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"
