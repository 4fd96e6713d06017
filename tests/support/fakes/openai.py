"""A fake OpenAI, and with it any server that speaks chat completions: /chat/completions and /models under /v1."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .behaviours import Behaviour, Reply
from .connection import Request
from .server import FakeServer, Frames

CREATED = 1_795_341_600


class FakeOpenAI(FakeServer):
    """``models`` are known; with a ``key`` given, other keys are turned down as OpenAI does it.

    ``shutdown_dates`` are the announced ends of models.
    """

    def __init__(
        self,
        script: Iterable[Behaviour] = (),
        *,
        models: Sequence[str] = ("gpt-4.1",),
        key: str | None = None,
        shutdown_dates: Mapping[str, str] | None = None,
        default: Behaviour | None = None,
        checks: Iterable[Behaviour] = (),
    ) -> None:
        super().__init__(script, default=default, checks=checks)
        self.models = list(models)
        self.key = key
        self.shutdown_dates = shutdown_dates or {}

    @property
    def url(self) -> str:
        """The base URL, with /v1."""
        return f"{self.origin}/v1"

    def is_chat(self, request: Request) -> bool:
        """POST /v1/chat/completions."""
        return request.method == "POST" and request.path == "/v1/chat/completions"

    def frames(self, request: Request) -> Frames:
        """Events for the model that was asked for; usage only where the request wants it."""
        body = request.body or {}
        options = body.get("stream_options") or {}
        return _Events(
            body.get("model", ""),
            include_usage=bool(options.get("include_usage")),
            obfuscate=options.get("include_obfuscation", True),
        )

    def turn_down(self, request: Request) -> Reply | None:
        """A wrong key, an unknown model."""
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.key is not None and given != self.key:
            masked = f"{given[:8]}{'*' * 12}{given[-4:]}"
            message = (
                f"Incorrect API key provided: {masked}. You can find your API key at "
                "https://platform.openai.com/account/api-keys."
            )
            return Reply(401, _error(message, "invalid_request_error", "invalid_api_key"))
        model = (request.body or {}).get("model") if self.is_chat(request) else None
        return self._unknown(model) if model is not None and model not in self.models else None

    def check(self, request: Request) -> Reply:
        """The list of models, and one model."""
        denied = self.turn_down(request)
        if denied is not None:
            return denied
        path = request.path
        if request.method == "GET" and path == "/v1/models":
            return Reply(200, {"object": "list", "data": [self._model(model) for model in self.models]})
        if request.method == "GET" and path.startswith("/v1/models/"):
            model = path.removeprefix("/v1/models/")
            return Reply(200, self._model(model)) if model in self.models else self._unknown(model)
        return Reply(404, _error(f"Invalid URL ({request.method} {path})", "invalid_request_error", None))

    def error_body(self, status: int) -> Any:
        """OpenAI's error object with the code that usually goes with the status."""
        usual = {
            400: ("invalid_request_error", "invalid_value"),
            401: ("invalid_request_error", "invalid_api_key"),
            404: ("invalid_request_error", "model_not_found"),
            429: ("requests", "rate_limit_exceeded"),
            503: ("service_unavailable_error", "server_is_overloaded"),
        }
        kind, code = usual.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
        return _error(f"The fake was told to answer {status}.", kind, code)

    def block(self, request: Request) -> Behaviour:
        """A content policy violation."""
        return (Reply(400, _error("The prompt was flagged.", "invalid_request_error", "content_policy_violation")),)

    def _model(self, model: str) -> dict[str, Any]:
        facts = {"id": model, "object": "model", "created": CREATED, "owned_by": "fake"}
        return {**facts, "shutdown_date": self.shutdown_dates.get(model)}

    def _unknown(self, model: str) -> Reply:
        message = f"The model `{model}` does not exist or you do not have access to it."
        return Reply(404, _error(message, "invalid_request_error", "model_not_found"))


class _Events(Frames):
    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, model: str, *, include_usage: bool, obfuscate: bool) -> None:
        self._model = model
        self._include_usage = include_usage
        self._obfuscate = obfuscate
        self._tokens = 0
        self._reasoning_tokens = 0

    def opening(self) -> bytes:
        return self._choice({"role": "assistant", "content": "", "refusal": None})

    def say(self, text: str) -> bytes:
        self._tokens += 1
        return self._choice({"content": text})

    def think(self, text: str) -> bytes:
        self._tokens += 1
        self._reasoning_tokens += 1
        return self._choice({"content": "", "reasoning_content": text})

    def decline(self, text: str) -> bytes:
        self._tokens += 1
        return self._choice({"refusal": text})

    def ping(self) -> bytes:
        return self._choice({"role": "assistant", "content": ""}) + b": keep-alive\n\n"

    def fail(self, message: str, status: int) -> bytes:
        return _event({"error": {"message": message, "type": "server_error", "param": None, "code": None}})

    def end(self, finish: str, *, usage: bool) -> bytes:
        frames = self._choice({}, finish)
        if usage and self._include_usage:
            frames += self._chunk([], self._usage())
        return frames + b"data: [DONE]\n\n"

    def _usage(self) -> dict[str, Any]:
        return {
            "prompt_tokens": 16,
            "completion_tokens": self._tokens,
            "total_tokens": 16 + self._tokens,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": self._reasoning_tokens,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def _choice(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        return self._chunk([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}], None)

    def _chunk(self, choices: list[dict[str, Any]], usage: dict[str, Any] | None) -> bytes:
        chunk: dict[str, Any] = {
            "id": "chatcmpl-fake",
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": self._model,
            "service_tier": "default",
            "system_fingerprint": "fp_fake",
            "choices": choices,
        }
        if self._include_usage:
            chunk["usage"] = usage
        if self._obfuscate:
            chunk["obfuscation"] = "x" * 12
        return _event(chunk)


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _error(message: str, kind: str, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
