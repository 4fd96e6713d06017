"""Ollama's JSON: requests in, documents out. Pure.

The field names, defaults and error texts are those of Ollama's ``api/types.go`` and ``server/routes.go``.
"""

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from ..engine.engine import Finished, Role, Turn
from .options import Options

ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
Document = dict[str, Any]


class RequestError(Exception):
    """A request that cannot be served: an HTTP status, and Ollama's kind of text for it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Message(msgspec.Struct):
    """One message of a chat."""

    role: str = ""
    content: str | None = None
    images: list[str] | None = None
    tool_calls: list[Any] | None = None


class _Common(msgspec.Struct):
    model: str = ""
    stream: bool | None = None
    format: str | dict[str, Any] | None = None
    options: Options | None = None
    keep_alive: int | float | str | None = None
    think: bool | str | None = None
    truncate: bool | None = None
    shift: bool | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None

    @property
    def streams(self) -> bool:
        """Whether the answer is wanted in pieces, which is the default."""
        return self.stream is not False


class ChatRequest(_Common):
    """The body of ``POST /api/chat``."""

    messages: list[Message] | None = None
    tools: list[Any] | None = None


class GenerateRequest(_Common):
    """The body of ``POST /api/generate``."""

    prompt: str = ""
    system: str = ""
    suffix: str = ""
    template: str = ""
    context: list[int] | None = None
    images: list[str] | None = None
    raw: bool | None = None


class ShowRequest(msgspec.Struct):
    """The body of ``POST /api/show``; ``name`` is the older word for ``model``."""

    model: str = ""
    name: str = ""


RequestT = TypeVar("RequestT", bound=ChatRequest | GenerateRequest | ShowRequest)


def parse(body: bytes, kind: type[RequestT]) -> RequestT:
    """Read a request; raises RequestError 400."""
    if not body.strip():
        raise RequestError(400, "missing request body")
    try:
        request = msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RequestError(400, str(error)) from None
    if not request.model and not getattr(request, "name", ""):
        raise RequestError(400, "model is required")
    return request


def check_abilities(request: ChatRequest | GenerateRequest) -> None:
    """Refuse what this model cannot do; raises RequestError 400."""
    unable = ""
    if request.think:
        unable = "thinking"
    elif request.logprobs or request.top_logprobs:
        unable = "logprobs"
    elif isinstance(request, ChatRequest):
        messages = request.messages or []
        if request.tools or any(message.tool_calls or message.role.lower() == "tool" for message in messages):
            unable = "tools"
        elif any(message.images for message in messages):
            unable = "images"
    elif request.images:
        unable = "images"
    elif request.suffix:
        unable = "insert"
    elif request.template:
        unable = "a template of the request"
    elif request.context:
        unable = "a context of token numbers"
    if unable:
        raise RequestError(400, f"{_quoted(request.model)} does not support {unable}")


def prompt_of(request: ChatRequest | GenerateRequest) -> tuple[Turn, ...] | str:
    """What the model is to read; empty where the request only loads or unloads. Raises RequestError 400."""
    if isinstance(request, ChatRequest):
        return tuple(Turn(_role(message.role), message.content or "") for message in request.messages or ())
    if request.raw or not request.prompt:
        return request.prompt
    system = (Turn("system", request.system),) if request.system else ()
    return (*system, Turn("user", request.prompt))


def not_found(model: str) -> RequestError:
    """The error for a model that is not served here."""
    return RequestError(404, f"model '{model}' not found")


def error(text: str) -> Document:
    """The body of every error."""
    return {"error": text}


def piece(model: str, created_at: str, text: str, *, chat: bool) -> Document:
    """One piece of a streamed answer."""
    return {"model": model, "created_at": created_at, **_content(text, chat=chat), "done": False}


def last(
    model: str, created_at: str, finished: Finished, *, text: str, chat: bool, total: float, load: float
) -> Document:
    """The end of an answer, with ``text`` in it; ``total`` and ``load`` are seconds. Metrics of zero are left out."""
    metrics = {
        "total_duration": nanoseconds(total),
        "load_duration": nanoseconds(load),
        "prompt_eval_count": finished.prompt_tokens,
        "prompt_eval_duration": nanoseconds(finished.prompt_seconds),
        "eval_count": finished.answer_tokens,
        "eval_duration": nanoseconds(finished.answer_seconds),
    }
    return {
        **ended(model, created_at, finished.reason, text=text, chat=chat),
        **{name: value for name, value in metrics.items() if value},
    }


def ended(model: str, created_at: str, reason: str, *, text: str = "", chat: bool) -> Document:
    """The end of a request; ``reason`` is stop, length, load or unload."""
    return {
        "model": model,
        "created_at": created_at,
        **_content(text, chat=chat),
        "done": True,
        "done_reason": reason,
    }


def timestamp(wall_seconds: float) -> str:
    """RFC 3339 in UTC."""
    moment = datetime.fromtimestamp(wall_seconds, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def nanoseconds(seconds: float) -> int:
    """A duration as Go writes it."""
    return round(seconds * 1_000_000_000)


def encode(document: Document) -> bytes:
    """The document as one line, without its end."""
    return msgspec.json.encode(document)


def _content(text: str, *, chat: bool) -> Document:
    return {"message": {"role": "assistant", "content": text}} if chat else {"response": text}


def _role(name: str) -> Role:
    try:
        return ROLES[name.lower()]
    except KeyError:
        raise RequestError(400, "invalid role: it must be one of system, user, assistant") from None


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "") + '"'
