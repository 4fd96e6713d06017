"""Keeps keys and prompts out of what we quote from providers. Pure."""

import json
import re
from collections.abc import Iterable, Iterator

QUOTE_CHARS = 300
"""How much of a provider's message an error may quote."""

MOST_COMPARED = 65_536
"""Characters of a conversation that a message is compared with. Everybody waits meanwhile: of what a provider says to
a longer one, its code alone is quoted."""

_KEY_HEAD = 8
_WINDOW = 12
_SHORTEST_SECRET = 4
_CODE_WORD = re.compile(r"[A-Za-z0-9_.-]{1,60}\Z")
_MASKED = re.compile(r"\S*\*{3,}\S*")
_KEY_SHAPED = re.compile(r"\b(?:sk|pk|rk|nc|gsk|xai|AIza|AQ)[-_.]?[A-Za-z0-9][A-Za-z0-9_.-]{14,}|(?<=Bearer )\S+")


def quote(message: str, *, keys: Iterable[str], texts: Iterable[str]) -> str:
    """The message on one line without keys and prompt, at most QUOTE_CHARS long.

    ``keys`` are secrets that must not appear, whole or by their first eight characters; masked and key-shaped words
    are taken out too, because some providers echo a part of the key. ``texts`` is what was said in the conversation:
    each run of it that the message repeats is taken out, also where it is written as in Python or JSON.
    """
    texts = list(texts)
    if sum(map(len, texts)) > MOST_COMPARED:
        if not _CODE_WORD.match(message) or any(message in text for text in texts):
            return ""
        texts = []
    quoted = _one_line(message[: 8 * QUOTE_CHARS])[: 4 * QUOTE_CHARS]
    for key in keys:
        if len(key) >= _KEY_HEAD:
            quoted = re.sub(rf"\S*{re.escape(key[:_KEY_HEAD])}\S*", "[key]", quoted)
        elif key:
            quoted = re.sub(rf"(?<!\w){re.escape(key)}(?!\w)", "[key]", quoted)
    quoted = _KEY_SHAPED.sub("[key]", _MASKED.sub("[key]", quoted))
    quoted = _one_line(_without_texts(quoted, dict.fromkeys(_written(texts, escaped="\\" in quoted))))
    return quoted if len(quoted) <= QUOTE_CHARS else quoted[: QUOTE_CHARS - 1] + "…"


def code_word(text: str) -> str:
    """A code as a provider names it, or ``unnamed`` where it is no plain word and might be anything."""
    return text if _CODE_WORD.match(text) else "unnamed"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _written(texts: Iterable[str], *, escaped: bool) -> Iterator[str]:
    """The ways in which a provider may repeat these texts, each on one line."""
    for text in texts:
        yield _one_line(text)
        if escaped:
            for literal in (repr(text), json.dumps(text), json.dumps(text, ensure_ascii=False)):
                yield _one_line(literal[1:-1])


def _without_texts(message: str, texts: Iterable[str]) -> str:
    hidden = bytearray(len(message))
    runs: dict[str, list[int]] = {}
    for start in range(len(message) - _WINDOW + 1):
        runs.setdefault(message[start : start + _WINDOW], []).append(start)
    for text in texts:
        if len(text) < _WINDOW:
            if len(text) >= _SHORTEST_SECRET:
                _hide_all(message, text, hidden)
            continue
        # Each run is looked up among those of the message, and not the other way round: that would be quadratic.
        for run in runs.keys() & {text[at : at + _WINDOW] for at in range(len(text) - _WINDOW + 1)}:
            for start in runs[run]:
                hidden[start : start + _WINDOW] = b"\x01" * _WINDOW
    return "".join(
        "[prompt]" if hide and not hidden[at - 1 : at].startswith(b"\x01") else "" if hide else message[at]
        for at, hide in enumerate(hidden)
    )


def _hide_all(message: str, text: str, hidden: bytearray) -> None:
    at = message.find(text)
    while at >= 0:
        hidden[at : at + len(text)] = b"\x01" * len(text)
        at = message.find(text, at + len(text))
