"""How long a provider asks us to wait: headers, Gemini's RetryInfo, and the message where nothing else says it."""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_GO_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_GO_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+\Z")
_IN_TEXT = re.compile(
    r"(?:try again|retry)\s+(?:in|after)\s+"
    r"(?:(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>milliseconds?|seconds?|minutes?|hours?|days?)\b"
    r"|(?P<go>(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+)(?![a-z]))",
    re.IGNORECASE,
)
_WORDS = {"milli": 0.001, "second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}


def asked_delay(
    headers: Mapping[str, str], wall: float, *, retry_info: Iterable[str] = (), message: str = ""
) -> float | None:
    """The longest delay in seconds that is named and above zero, or None.

    ``headers`` have lower-case names. ``wall`` is the time now, seconds since 1970 UTC. ``retry_info`` are durations
    such as ``48.9s``.
    """
    found = [
        _scaled(_number(headers.get("retry-after-ms", "")), 0.001),
        _retry_after(headers.get("retry-after", ""), wall),
        in_message(message),
        *map(go_duration, retry_info),
    ]
    return max((delay for delay in found if delay is not None and delay > 0), default=None)


def go_duration(text: str) -> float | None:
    """Seconds of a duration as Go and protobuf write it: ``579ms``, ``48.9s``, ``1m9.696s``."""
    text = text.strip().lower()
    if not _GO_DURATION.match(text):
        return None
    return _finite(sum(float(number) * _UNIT_SECONDS[unit] for number, unit in _GO_PART.findall(text)))


def in_message(text: str) -> float | None:
    """Seconds of a ``try again in 1m9.6s`` or ``retry after 6 seconds``."""
    found = _IN_TEXT.search(text)
    if found is None:
        return None
    if found["go"]:
        return go_duration(found["go"])
    scale = next(seconds for word, seconds in _WORDS.items() if found["unit"].lower().startswith(word))
    return _scaled(_number(found["number"]), scale)


def _retry_after(value: str, wall: float) -> float | None:
    seconds = _number(value)
    if seconds is not None:
        return seconds
    try:
        date = parsedate_to_datetime(value)
        return _finite(date.timestamp() - wall if date.tzinfo else date.replace(tzinfo=UTC).timestamp() - wall)
    except (ValueError, TypeError, OverflowError):
        return None


def _number(text: str) -> float | None:
    try:
        return _finite(float(text))
    except ValueError:
        return None


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
