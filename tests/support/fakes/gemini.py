"""A fake Gemini: models/{model}:streamGenerateContent as server-sent events with CRLF, and models/{model}."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from .behaviours import Behaviour, Cut, Raw, Reply
from .connection import Request
from .server import FakeServer, Frames

_FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
_STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class FakeGemini(FakeServer):
    """``models`` are known, without ``models/``; with a ``key`` given, other keys are turned down as Google does it.

    Every API version is served.
    """

    def __init__(
        self,
        script: Iterable[Behaviour] = (),
        *,
        models: Sequence[str] = ("gemini-2.5-flash",),
        key: str | None = None,
        default: Behaviour | None = None,
        checks: Iterable[Behaviour] = (),
    ) -> None:
        super().__init__(script, default=default, checks=checks)
        self.models = list(models)
        self.key = key

    def is_chat(self, request: Request) -> bool:
        """POST …:streamGenerateContent."""
        return request.method == "POST" and request.path.endswith(":streamGenerateContent")

    def frames(self, request: Request) -> Frames:
        """Events for the model in the path."""
        return _Events(_model_of(request))

    def turn_down(self, request: Request) -> Reply | None:
        """A wrong key, an unknown model."""
        if self.key is not None and request.headers.get("x-goog-api-key") != self.key:
            info = {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            }
            return Reply(400, _error(400, "API key not valid. Please pass a valid API key.", [info]))
        model = _model_of(request)
        if model and model not in self.models:
            version = request.path.split("/")[1]
            return Reply(404, _error(404, f"models/{model} is not found for API version {version}."))
        return None

    def check(self, request: Request) -> Reply:
        """One model, and the list of them."""
        denied = self.turn_down(request)
        if denied is not None:
            return denied
        model = _model_of(request)
        if request.method == "GET" and model:
            return Reply(200, _described(model))
        if request.method == "GET" and request.path.endswith("/models"):
            return Reply(200, {"models": [_described(model) for model in self.models]})
        return Reply(404, b"")

    def error_body(self, status: int) -> Any:
        """Google's error object with the status name that goes with the code."""
        return _error(status, f"The fake was told to answer {status}.")

    def block(self, request: Request) -> Behaviour:
        """A 200 with promptFeedback and no candidates."""
        feedback = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 9}}
        return (Raw(_event(feedback)), Cut("clean"))


class _Events(Frames):
    content_type = "text/event-stream"

    def __init__(self, model: str) -> None:
        self._model = model
        self._tokens = 0
        self._thoughts = 0

    def say(self, text: str) -> bytes:
        self._tokens += 1
        return self._chunk([{"text": text}])

    def think(self, text: str) -> bytes:
        self._thoughts += 1
        return self._chunk([{"text": text, "thought": True}])

    def ping(self) -> bytes:
        return self._chunk([{"text": ""}])

    def fail(self, message: str, status: int) -> bytes:
        """Without ``data:``, over several lines, as the real one does it."""
        return json.dumps(_error(status, message), indent=2).encode() + b"\n"

    def end(self, finish: str, *, usage: bool) -> bytes:
        return self._chunk([{"text": ""}], finish=_FINISH[finish], usage=usage)

    def _chunk(self, parts: list[dict[str, Any]], *, finish: str | None = None, usage: bool = True) -> bytes:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}}
        if finish is not None:
            candidate["finishReason"] = finish
        candidate["index"] = 0
        chunk: dict[str, Any] = {"candidates": [candidate]}
        if usage:
            chunk["usageMetadata"] = self._usage()
        return _event({**chunk, "modelVersion": self._model, "responseId": "fake"})

    def _usage(self) -> dict[str, Any]:
        usage: dict[str, Any] = {
            "promptTokenCount": 13,
            "candidatesTokenCount": self._tokens,
            "totalTokenCount": 13 + self._tokens + self._thoughts,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 13}],
        }
        return {**usage, "thoughtsTokenCount": self._thoughts} if self._thoughts else usage


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\r\n\r\n"


def _error(code: int, message: str, details: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    error = {"code": code, "message": message, "status": _status_name(code)}
    return {"error": {**error, "details": details} if details else error}


def _status_name(code: int) -> str:
    return _STATUS_NAMES.get(code, "INTERNAL" if code >= 500 else "INVALID_ARGUMENT")


def _model_of(request: Request) -> str:
    """The model in ``/{version}/models/{model}[:method]``, or an empty string."""
    _, _, rest = request.path.partition("/models/")
    return rest.partition(":")[0]


def _described(model: str) -> dict[str, Any]:
    return {
        "name": f"models/{model}",
        "version": "001",
        "displayName": model,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }
