"""Keep-alive times as Ollama's clients write them: seconds as a number, or a Go duration such as ``1h30m``. Pure."""

import math
import re

FOREVER = math.inf
LONGEST = (2**63 - 1) / 1e9
"""The longest time that a Go duration can hold, in seconds: what "for ever" is shown as."""

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
_PART = re.compile(r"(\d+\.?\d*|\.\d+)([a-zµμ]+)")


class DurationError(ValueError):
    """A text that is no duration; the message says what is missing."""


def seconds(text: str) -> float:
    """The seconds of a Go duration (``300ms``, ``-1.5h``, ``2h45m``, ``0``); raises DurationError."""
    sign = -1.0 if text.startswith("-") else 1.0
    rest = text[1:] if text[:1] in {"-", "+"} else text
    if rest == "0":
        return 0.0
    if not rest:
        raise DurationError("it is empty")
    total = 0.0
    while rest:
        part = _PART.match(rest)
        if part is None:
            raise DurationError("it must be a number with a unit of ns, us, ms, s, m or h, as in 5m or 1h30m")
        if part[2] not in _UNITS:
            raise DurationError("its unit must be one of ns, us, ms, s, m and h")
        total += float(part[1]) * _UNITS[part[2]]
        rest = rest[part.end() :]
    return sign * total


def keep_alive(value: float | str) -> float:
    """How long a model stays loaded, in seconds: FOREVER where the value is negative; raises DurationError."""
    length = seconds(value) if isinstance(value, str) else float(value)
    return FOREVER if length < 0 or length > LONGEST else length


def from_setting(text: str) -> float:
    """``keep_alive`` of a text in which a bare number is seconds, as it is in a request; raises DurationError."""
    return keep_alive(float(text) if _NUMBER.fullmatch(text) else text)
