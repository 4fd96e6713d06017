"""What a client is told of each error: Ollama's status and Ollama's kind of text. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from novakit.problem import Problem

from ..engine.engine import EngineError, JobRefusedError, LoadFailedError, PromptTooLongError
from ..engine.slots import QueueFullError
from ..process.stopping import StoppingError
from .durations import DurationError
from .options import OptionsError
from .wire import RequestError

BUSY = "server busy, please try again.  maximum pending requests exceeded"

_UNKNOWN = RequestError(500, "something broke in the server; its log has the details")


def explain(error: Exception) -> RequestError:
    """The error as the client sees it. The text holds nothing of a prompt or an answer."""
    if isinstance(error, RequestError):
        return error
    # The first class that fits decides, so the special ones stand before EngineError.
    explanation = next((say for kind, say in _EXPLANATIONS.items() if isinstance(error, kind)), None)
    return explanation(error) if explanation else _UNKNOWN


def _with_status(status: int) -> Callable[[Any], RequestError]:
    return lambda error: RequestError(status, str(error))


def _too_long(error: PromptTooLongError) -> RequestError:
    return RequestError(
        400,
        "the prompt is longer than the context length currently available "
        f"({error.tokens} tokens where {error.limit} fit)",
    )


_EXPLANATIONS: Mapping[type[Exception], Callable[[Any], RequestError]] = {
    Problem: lambda problem: RequestError(problem.status, problem.detail),
    OptionsError: _with_status(400),
    DurationError: lambda error: RequestError(400, f"keep_alive: {error}"),
    PromptTooLongError: _too_long,
    JobRefusedError: _with_status(400),
    QueueFullError: lambda _error: RequestError(503, BUSY),
    StoppingError: lambda _error: RequestError(503, "the server is shutting down"),
    LoadFailedError: lambda _error: RequestError(
        500, "the model could not be loaded; the server's log has the reason, LOCAL_MODEL_MEMORY_MB may be too small"
    ),
    EngineError: _with_status(500),
}
