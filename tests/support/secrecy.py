"""What the services write in any test is held to this: no prompt, no answer, no key; and no metric without bounds.

``listen`` puts an ear to the two places where services tell of themselves in this process: where a log line is
rendered and where metrics are. Processes of their own are read by whoever starts them (``look_at``). What must not be
told is known from the fake providers, through which every prompt and every answer of a test passes (``told``), and by
the shapes of keys. A test that finds something fails at its end, in ``tests/conftest.py``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from novakit import logs
from novakit.metrics import Metrics

SHORTEST = 12
"""Shorter texts may be words of a line by chance."""
MOST_TEXTS = 400
MOST_SERIES = 2000
"""In one exposition. A service under test has a few hundred."""
_KEYS = re.compile(
    r"sk-[A-Za-z0-9_-]{20,}|AIza[A-Za-z0-9_-]{30,}|\bnc_[A-Za-z0-9_-]{32,}|eyJ[A-Za-z0-9_-]{8,}\.eyJ"
    r"|[Bb]earer [A-Za-z0-9]"
)
_texts: dict[str, None] = {}
_found: list[str] = []


def listen() -> None:
    """Hear everything that the services of this process write from now on."""
    write, render = logs._as_json, Metrics.render

    def heard(lines: bytearray, when: datetime, head: logs.Head, fields: Mapping[str, Any]) -> None:
        began = len(lines)
        write(lines, when, head, fields)
        look_at(lines[began:].decode())

    def rendered(metrics: Metrics, accept: str = "") -> tuple[bytes, str]:
        told, content_type = render(metrics, accept)
        _look_at_metrics(told.decode())
        return told, content_type

    logs._as_json = heard
    Metrics.render = rendered  # type: ignore[method-assign, assignment]


def told(body: bytes, behaviour: tuple[object, ...]) -> None:
    """A provider was asked this, and will answer so: none of it may be written anywhere."""
    try:
        asked = json.loads(body)
    except ValueError:
        return
    answer = "".join(text for step in behaviour if isinstance(text := getattr(step, "text", None), str))
    for text in (*_said(asked), answer):
        if len(text) >= SHORTEST:
            # As it stands within JSON, for there it would be.
            _texts[json.dumps(text, ensure_ascii=False)[1:-1]] = None
    while len(_texts) > MOST_TEXTS:
        del _texts[next(iter(_texts))]


def look_at(written: str) -> None:
    """Log lines of a service; whatever else is among them is left alone."""
    for line in written.splitlines():
        if '{"timestamp"' in line:
            _look_at(line, "a log line")


def found() -> list[str]:
    """What was found since it was asked for last. The texts themselves are not quoted: this is a log too."""
    mine, _found[:] = list(_found), []
    return mine


def _look_at_metrics(text: str) -> None:
    _look_at(text, "the metrics")
    series = sum(not line.startswith("#") for line in text.splitlines())
    if series > MOST_SERIES:
        _found.append(f"the metrics have {series} series")


def _look_at(text: str, where: str) -> None:
    if (key := _KEYS.search(text)) is not None:
        _found.append(f"{where} holds something shaped like a key: {key[0][:6]}…")
    for said in _texts:
        if said in text:
            _found.append(f"{where} repeats what was said: {text[:80]}…")
            return


def _said(value: Any, name: str = "") -> Iterator[str]:
    """The texts of a provider's request, by the names that providers have for them."""
    if isinstance(value, str):
        if name in {"content", "text"}:
            yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _said(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _said(inner, name)
