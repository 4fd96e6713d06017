"""What the engine calls back with: chunks in the shape of OpenAI's streams, with llama.cpp's timings. Pure."""

from collections.abc import Mapping
from typing import Any, Literal

from .engine import Emit, EngineError, Finished, JobRefusedError, PromptTooLongError

_TOO_LONG = "exceed_context_size_error"


class Collector:
    """The engine's callback: passes text on, and keeps the end or the error. Returns True to stop the engine."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._stopped = False
        self._reason: Literal["stop", "length"] | None = None
        self._timings: Mapping[str, Any] = {}
        self._error: EngineError | None = None

    def __call__(self, chunk: Mapping[str, Any]) -> bool:
        """Take one chunk; says whether the engine is to stop."""
        if "error" in chunk:
            self._error = _engine_error(chunk["error"])
            return True
        for choice in chunk.get("choices", ()):
            if choice.get("finish_reason"):
                self._reason = "length" if choice["finish_reason"] == "length" else "stop"
        self._timings = chunk.get("timings", self._timings)
        self._stopped = not self._emit(_text(chunk))
        return self._stopped

    def result(self) -> Finished | None:
        """What the run came to; raises EngineError."""
        if self._error is not None:
            raise self._error
        if self._stopped:
            return None
        if self._reason is None:
            raise EngineError("the engine ended without saying why")
        timings = self._timings
        return Finished(
            reason=self._reason,
            prompt_tokens=timings.get("cache_n", 0) + timings.get("prompt_n", 0),
            answer_tokens=timings.get("predicted_n", 0),
            prompt_seconds=timings.get("prompt_ms", 0.0) / 1000,
            answer_seconds=timings.get("predicted_ms", 0.0) / 1000,
        )


def _text(chunk: Mapping[str, Any]) -> str:
    return "".join(
        choice["delta"].get("content") or "" if "delta" in choice else choice.get("text") or ""
        for choice in chunk.get("choices", ())
    )


def _engine_error(error: Mapping[str, Any]) -> EngineError:
    if error.get("type") == _TOO_LONG:
        return PromptTooLongError(error["n_prompt_tokens"], error["n_ctx"])
    if error.get("code") == 400:
        return JobRefusedError("the engine cannot follow these messages, options or format")
    return EngineError(f"the engine failed ({error.get('type', 'unknown')})")
