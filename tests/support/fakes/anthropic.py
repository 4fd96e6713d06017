"""A fake Anthropic: /v1/messages as named server-sent events, and /v1/models, in both API versions."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .behaviours import Behaviour, Reply
from .connection import Request
from .server import FakeServer, Frames

NEWEST_VERSION = "2026-10-21"
VERSIONS = (NEWEST_VERSION, "2023-06-01")
_FINISH = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class FakeAnthropic(FakeServer):
    """``models`` are known; with a ``key`` given, other keys are turned down as Anthropic does it.

    ``ends`` holds the lifecycle of models that are not active, with the time of their retirement or None.
    What the real one would not take (no version, no ``max_tokens``, more of them than ``max_tokens`` of a model, a
    temperature in the newest version, turns that are empty or in the wrong order, a prefill) is turned down too.
    """

    def __init__(
        self,
        script: Iterable[Behaviour] = (),
        *,
        models: Sequence[str] = ("claude-sonnet-5-5",),
        key: str | None = None,
        max_tokens: int = 128_000,
        ends: Mapping[str, tuple[str, str | None]] | None = None,
        default: Behaviour | None = None,
        checks: Iterable[Behaviour] = (),
    ) -> None:
        super().__init__(script, default=default, checks=checks)
        self.models = list(models)
        self.key = key
        self.max_tokens = max_tokens
        self.ends = ends or {}

    def is_chat(self, request: Request) -> bool:
        """POST /v1/messages."""
        return request.method == "POST" and request.path == "/v1/messages"

    def frames(self, request: Request) -> Frames:
        """Events for the model that was asked for."""
        return _Events((request.body or {}).get("model", ""))

    def turn_down(self, request: Request) -> Reply | None:
        """A wrong key, a version or a model that is unknown, a body that is not valid."""
        version = request.headers.get("anthropic-version")
        if version not in VERSIONS:
            return _reply(400, "anthropic-version: a valid version is required")
        # Where both are sent, x-api-key wins.
        given = request.headers.get("x-api-key") or request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.key is not None and given != self.key:
            return _reply(401, "invalid x-api-key")
        if not self.is_chat(request):
            return None
        body = request.body or {}
        wrong = _wrong(body, version, self.max_tokens)
        if wrong:
            return _reply(400, wrong)
        return None if body.get("model") in self.models else _reply(404, f"model: {body.get('model')}")

    def check(self, request: Request) -> Reply:
        """The list of models, and one model."""
        denied = self.turn_down(request)
        if denied is not None:
            return denied
        path = request.path
        if request.method == "GET" and path == "/v1/models":
            models = [self._described(model) for model in self.models]
            return Reply(200, {"data": models, "has_more": False, "first_id": None, "last_id": None})
        model = path.removeprefix("/v1/models/")
        if request.method == "GET" and model in self.models:
            return Reply(200, self._described(model))
        return _reply(404, f"model: {model}" if model != path else "Not Found")

    def error_body(self, status: int) -> Any:
        """Anthropic's error object with the type that goes with the status."""
        return _error(_kind(status), f"The fake was told to answer {status}.")

    def block(self, request: Request) -> Behaviour:
        """What its filter says before an answer began."""
        return (_reply(400, "Output blocked by content filtering policy"),)

    def _described(self, model: str) -> dict[str, Any]:
        lifecycle, retires_at = self.ends.get(model, ("active", None))
        return {
            "type": "model",
            "id": model,
            "display_name": model,
            "created_at": "2026-09-01T00:00:00Z",
            "lifecycle": lifecycle,
            "deprecated_at": None if lifecycle == "active" else "2026-10-01T00:00:00Z",
            "retires_at": retires_at,
            "max_input_tokens": 1_000_000,
            "max_tokens": self.max_tokens,
        }


def _wrong(body: dict[str, Any], version: str, longest: int) -> str:
    """What the real one would find wrong with a body; empty: nothing."""
    if "max_tokens" not in body:
        return "max_tokens: Field required"
    if body["max_tokens"] > longest:
        return (
            f"max_tokens: {body['max_tokens']} > {longest}, which is the maximum allowed number of output tokens for "
            f"{body.get('model')}"
        )
    if version == NEWEST_VERSION and "temperature" in body:
        return "temperature: Extra inputs are not permitted"
    if any(not sequence.strip() for sequence in body.get("stop_sequences", [])):
        return "stop_sequences: each stop sequence must contain non-whitespace"
    return _wrong_turns(body.get("messages") or [])


def _wrong_turns(messages: list[dict[str, Any]]) -> str:
    texts = [
        [message["content"]]
        if isinstance(message["content"], str)
        else [block["text"] for block in message["content"]]
        for message in messages
    ]
    if not messages:
        return "messages: at least one message is required"
    if messages[0]["role"] != "user":
        return "messages: first message must use the user role"
    if any(not text.strip() for blocks in texts for text in blocks):
        return "messages: text content blocks must contain non-whitespace text"
    if messages[-1]["role"] == "assistant":
        return "This model does not support assistant message prefill. The conversation must end with a user message."
    return ""


class _Events(Frames):
    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, model: str) -> None:
        self._model = model
        self._tokens = 0
        self._thoughts = 0
        self._block = -1
        self._kind = ""

    def opening(self) -> bytes:
        usage = {
            "input_tokens": 11,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 1,
            "service_tier": "standard",
            "inference_geo": "not_available",
        }
        message: dict[str, Any] = {
            "model": self._model,
            "id": "msg_fake",
            "type": "message",
            "role": "assistant",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": usage,
        }
        return _event("message_start", message=message)

    def say(self, text: str) -> bytes:
        self._tokens += 1
        return self._in_block("text", {"text": ""}, {"type": "text_delta", "text": text})

    def think(self, text: str) -> bytes:
        self._tokens += 1
        self._thoughts += 1
        return self._in_block(
            "thinking", {"thinking": "", "signature": ""}, {"type": "thinking_delta", "thinking": text}
        )

    def ping(self) -> bytes:
        return _event("ping")

    def fail(self, message: str, status: int) -> bytes:
        return _event(
            "error", error={"details": None, **_error(_kind(status), message)["error"]}, request_id="req_fake"
        )

    def end(self, finish: str, *, usage: bool) -> bytes:
        delta = {"stop_reason": _FINISH[finish], "stop_sequence": None, "stop_details": None}
        counts = {"usage": self._usage()} if usage else {}
        return self._close() + _event("message_delta", delta=delta, **counts) + _event("message_stop")

    def _in_block(self, kind: str, empty: dict[str, Any], delta: dict[str, Any]) -> bytes:
        opened = b""
        if self._kind != kind:
            opened = self._close()
            self._block += 1
            self._kind = kind
            opened += _event("content_block_start", index=self._block, content_block={"type": kind, **empty})
        return opened + _event("content_block_delta", index=self._block, delta=delta)

    def _close(self) -> bytes:
        if not self._kind:
            return b""
        signature: dict[str, Any] = {"type": "signature_delta", "signature": "c2lnbmVk"}
        signed = (
            _event("content_block_delta", index=self._block, delta=signature) if self._kind == "thinking" else b""
        )
        self._kind = ""
        return signed + _event("content_block_stop", index=self._block)

    def _usage(self) -> dict[str, Any]:
        usage: dict[str, Any] = {
            "input_tokens": 11,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": self._tokens,
        }
        return {**usage, "output_tokens_details": {"thinking_tokens": self._thoughts}} if self._thoughts else usage


def _event(kind: str, **fields: Any) -> bytes:
    """One event; the real ones are padded with spaces at their end as well."""
    data = json.dumps({"type": kind, **fields})
    return f"event: {kind}\ndata: {data[:-1]}   }}\n\n".encode()


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_fake"}


def _kind(status: int) -> str:
    return _KINDS.get(status, "api_error" if status >= 500 else "invalid_request_error")


def _reply(status: int, message: str) -> Reply:
    return Reply(status, _error(_kind(status), message), {"x-should-retry": "false"})
