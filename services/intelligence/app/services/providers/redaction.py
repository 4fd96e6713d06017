"""Keeps keys and prompts out of what we quote from providers. Pure."""

import re
from collections.abc import Iterable

QUOTE_CHARS = 300
"""How much of a provider's message an error may quote."""

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
    each run of it that the message repeats is taken out.
    """
    quoted = _one_line(message[: 8 * QUOTE_CHARS])[: 4 * QUOTE_CHARS]
    for key in keys:
        if len(key) >= _KEY_HEAD:
            quoted = re.sub(rf"\S*{re.escape(key[:_KEY_HEAD])}\S*", "[key]", quoted)
        elif key:
            quoted = re.sub(rf"(?<!\w){re.escape(key)}(?!\w)", "[key]", quoted)
    quoted = _KEY_SHAPED.sub("[key]", _MASKED.sub("[key]", quoted))
    quoted = _one_line(_without_texts(quoted, [_one_line(text) for text in texts]))
    return quoted if len(quoted) <= QUOTE_CHARS else quoted[: QUOTE_CHARS - 1] + "…"


def code_word(text: str) -> str:
    """A code as a provider names it, or ``unnamed`` where it is no plain word and might be anything."""
    return text if _CODE_WORD.match(text) else "unnamed"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _without_texts(message: str, texts: list[str]) -> str:
    hidden = bytearray(len(message))
    for text in texts:
        if len(text) < _WINDOW:
            if len(text) >= _SHORTEST_SECRET:
                _hide_all(message, text, hidden)
            continue
        for start in range(len(message) - _WINDOW + 1):
            if message[start : start + _WINDOW] in text:
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
