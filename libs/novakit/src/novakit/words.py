"""The words of a person's text that can be looked for. Pure: no character of one means anything to a database."""

import re

MOST_WORDS = 64
"""How many different words of a text are looked for: its first ones."""
WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> tuple[str, ...]:
    """Its different words, as they are written, in order."""
    found: dict[str, str] = {}
    for word in WORD.finditer(text):
        found.setdefault(word[0].lower(), word[0])
        if len(found) == MOST_WORDS:
            break
    return tuple(found.values())
