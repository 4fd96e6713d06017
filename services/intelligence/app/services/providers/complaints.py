"""An error as a provider put it, and how it becomes one of ours. Pure.

Each provider's own module reads the documented status, code and type; what all have in common stands here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ...domain.errors import (
    ContextTooLong,
    Faulted,
    Garbled,
    Misconfigured,
    ProviderError,
    Reason,
    Refused,
    RejectedRequest,
    Throttled,
)
from . import delays
from .redaction import quote

ERROR_BODY_BYTES = 64 * 1024
"""How much of an error's body is read."""

_CLASSES: tuple[type[ProviderError], ...] = (
    Throttled,
    Misconfigured,
    Faulted,
    Garbled,
    RejectedRequest,
    ContextTooLong,
    Refused,
)
_CLASS_OF: dict[Reason, type[ProviderError]] = {reason: kind for kind in _CLASSES for reason in kind.reasons}
_BY_STATUS: dict[int, Reason] = {
    401: "auth",
    402: "billing",
    403: "auth",
    404: "model_missing",
    405: "model_missing",
    407: "auth",
    408: "server_error",
    409: "server_error",
    410: "model_missing",
    424: "server_error",
    425: "server_error",
    429: "rate_limited",
    499: "server_error",
    503: "overloaded",
    529: "overloaded",
}
_WITH_DELAY: frozenset[Reason] = frozenset({"rate_limited", "quota_exhausted", "overloaded", "server_error"})
_TOO_LONG = (
    "prompt too long",
    "prompt exceeds max length",
    "maximum prompt length is",
    "`max_new_tokens` must be <=",
)
_READS = (
    "context length",
    "context window",
    "context size",
    "number of tokens",
    "allowed length",
    "model token limit",
)
_TOO_MUCH = ("exceed", "longer than", "greater than the context", "maximum context", "too long")
_ENVELOPES = ("error", "errors", "detail")
_MOST_ENVELOPES = 4
_TITLE = re.compile(r"<title[^>]*>([^<]{1,200})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a provider said when it did not answer; parts that it left out are empty.

    ``status`` is the HTTP status, or the one that an error inside a 200 stream names, or None. ``code``, ``kind`` and
    ``param`` are OpenAI's error.code, error.type and error.param; ``code`` is Gemini's error.status, ``kind`` is
    Anthropic's error.type. ``details`` is Gemini's list, and Anthropic's one object. ``told`` is all that was said,
    for what only some servers say.
    """

    status: int | None
    message: str = ""
    code: str = ""
    kind: str = ""
    param: str = ""
    details: tuple[Mapping[str, Any], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a complaint means.

    ``hint`` tells the operator what to look at. ``trust_delay`` false: the delay that was named means nothing here.
    ``may_retry`` false: asking once more at once would be in vain. ``delay``: seconds that are to pass before the
    next call even where none are named. ``retry_alone_after`` as in ProviderError.
    """

    reason: Reason
    hint: str = ""
    trust_delay: bool = True
    may_retry: bool = True
    delay: float | None = None
    retry_alone_after: float | None = None


def from_answer(status: int, headers: Mapping[str, str], body: bytes) -> Complaint:
    """The complaint in an answer whose status is no success, whatever its body is."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Complaint(status, message=_plain(body), headers=headers)
    return from_value(value, status=status, headers=headers)


def from_value(value: Any, *, status: int | None = None, headers: Mapping[str, str] | None = None) -> Complaint:
    """The complaint in a decoded body or in a stream's frame.

    Understands ``{"error": {...}}``, ``[{"error": {...}}]``, ``{"errors": [{...}]}``, ``{"detail": {...}}``, the
    fields without an envelope, and ``{"error": "text"}`` with or without fields beside it. A message may be a list of
    the faults of single fields.
    """
    told = _innermost(value)
    if told is None:
        return Complaint(status, message=_text(value), headers=headers or {})
    details = told.get("details")
    if isinstance(details, dict):
        details = [details]
    code = _text(told.get("code"))
    return Complaint(
        status=status or _as_status(code),
        message=_message(told),
        code=_text(told.get("status")) if code.isdigit() and told.get("status") else code,
        kind=_text(told.get("type")),
        param=_text(told.get("param")),
        details=tuple(item for item in details if isinstance(item, dict)) if isinstance(details, list) else (),
        headers=headers or {},
        told=told,
    )


def _innermost(value: Any) -> Mapping[str, Any] | None:
    """The object that holds the fields of a complaint, out of its envelopes; None where there is no object at all."""
    for _ in range(_MOST_ENVELOPES):
        if isinstance(value, list) and value:
            value = value[0]
        inside = next(filter(None, map(value.get, _ENVELOPES)), None) if isinstance(value, dict) else None
        if not isinstance(inside, dict | list) or (isinstance(inside, list) and _is_fault(inside[0])):
            break
        value = inside
    return value if isinstance(value, dict) else None


def _message(told: Mapping[str, Any]) -> str:
    """What it says, and what the provider behind it said where it passes that on, as OpenRouter does."""
    metadata = told.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    behind = _innermost(raw)
    return ": ".join(filter(None, (_said(told), _text(raw) if behind is None else _said(behind))))


def _said(told: Mapping[str, Any]) -> str:
    return next((text for name in ("message", *_ENVELOPES) if (text := _sentences(told.get(name)))), "")


def _sentences(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("detail") or value.get("message")
    if isinstance(value, list):
        return "; ".join(_fault(item) for item in value if _is_fault(item))
    return _text(value)


def _is_fault(item: Any) -> bool:
    """Whether this is a fault of one field, as FastAPI and Mistral tell it."""
    return isinstance(item, dict) and isinstance(item.get("msg"), str)


def _fault(item: Mapping[str, Any]) -> str:
    at = item.get("loc")
    place = ".".join(map(str, at)) if isinstance(at, list) else ""
    return ": ".join(filter(None, (place, item["msg"])))


def by_status(status: int | None) -> Reason:
    """What a status means where nothing more exact is known; None is an error inside a stream."""
    if status is None:
        return "server_error"
    return _BY_STATUS.get(status) or ("invalid_request" if 400 <= status < 500 else "server_error")


def to_error(
    complaint: Complaint, verdict: Verdict, *, wall: float, keys: Iterable[str], texts: Iterable[str]
) -> ProviderError:
    """Our error for a complaint. Its detail quotes the provider without keys and prompt.

    ``wall`` is the time now in seconds since 1970 UTC.
    """
    texts = list(texts)
    where = f"HTTP {complaint.status}" if complaint.status else "error in the stream"
    label = quote(complaint.code or complaint.kind, keys=keys, texts=texts)
    message = quote(complaint.message, keys=keys, texts=texts)
    detail = ": ".join(filter(None, (" ".join(filter(None, (where, label))), message)))
    if verdict.hint:
        detail = f"{detail} ({verdict.hint})"
    retry_after = None
    if verdict.trust_delay and verdict.reason in _WITH_DELAY:
        retry_after = delays.asked_delay(
            complaint.headers, wall, retry_info=_retry_infos(complaint), message=complaint.message
        )
    if verdict.delay is not None:
        retry_after = max(retry_after or 0.0, verdict.delay)
    error = _CLASS_OF[verdict.reason](detail, reason=verdict.reason, status=complaint.status, retry_after=retry_after)
    error.retry_alone_after = verdict.retry_alone_after
    error.may_retry = verdict.may_retry and complaint.headers.get("x-should-retry", "").lower() != "false"
    return error


def _retry_infos(complaint: Complaint) -> list[str]:
    return [_text(item.get("retryDelay")) for item in complaint.details if "retryDelay" in item]


def speaks_of_context(text: str) -> bool:
    """Whether a message without a code says that the prompt is too long."""
    text = text.lower()
    return any(sentence in text for sentence in _TOO_LONG) or (
        any(noun in text for noun in _READS) and any(verb in text for verb in _TOO_MUCH)
    )


def _as_status(code: str) -> int | None:
    return int(code) if len(code) == 3 and code.isdigit() and code[0] in "45" else None


def _plain(body: bytes) -> str:
    text = body.decode("utf-8", "replace").strip()
    title = _TITLE.search(text)
    if title is not None:
        return f"an HTML page: {title[1].strip()}"
    return "an HTML page" if text.startswith("<") else text


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
