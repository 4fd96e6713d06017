"""Joins a broken answer with the text of the provider that goes on with it: ``Seam``.

The second provider may go on exactly, repeat the last words first, or begin again. What its first words are is told
by comparing them with what was shown, word by word and with each run of white space taken as one space:

    ===========================================  =====================================================
    the head of the new text                     what the reader gets
    ===========================================  =====================================================
    repeats the tail of what was shown           the new text without the repetition (the longest one)
    repeats its opening, five words or more      nothing, up to where what was shown ended
    ... and then says something else             ``Divergent``: the new text from its start
    anything else                                the new text, as it is
    ===========================================  =====================================================

While several of these are possible, at most HOLD_CHARS are held back. Pure.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

HOLD_CHARS = 200
RESTART_WORDS = 5
PLAIN_WORDS = 3
"""A repetition must have so many words where the new text begins as an exact continuation does: with white space."""
PART_OF_WORD_CHARS = 4
"""So much of a broken word, alone, is taken for a repetition; less may be an accident (``a`` and ``ardvark``)."""

Kind = Literal["unknown", "continuation", "overlap", "restart", "divergent"]


@dataclass(frozen=True, slots=True)
class Append:
    """More of the answer, to be put after what was shown; never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Divergent:
    """The provider began again and then said something else: the whole new answer so far. More is appended to it."""

    text: str


Piece: TypeAlias = Append | Divergent


class Seam:
    """One joint. ``kind`` says what the new text turned out to be."""

    def __init__(self, shown: str) -> None:
        """``shown`` is the answer so far, as its reader has it."""
        self.kind: Kind = "unknown"
        self._shown = _normal(shown)
        self._gap = shown[len(shown.rstrip()) :]
        self._head = _Head()
        self._starts = _word_starts(self._shown)
        self._agreed = 0
        self._through = False

    def feed(self, text: str) -> tuple[Piece, ...]:
        """What the reader gets for this piece of the new text."""
        if self._through:
            return _append(text)
        self._head.add(text)
        return self._skip() if self.kind == "restart" else self._decide(ended=False)

    def close(self) -> tuple[Piece, ...]:
        """What is still held back, at the end of the new text."""
        return self._decide(ended=True) if self.kind == "unknown" else ()

    def _decide(self, *, ended: bool) -> tuple[Piece, ...]:
        head = self._head.normal
        if not head:
            return _append(self._head.raw) if ended else ()
        may_wait = not ended and len(self._head.raw) < HOLD_CHARS
        agreed = _agreement(self._shown, head)
        agreed_words = _whole_words(self._shown, agreed)
        repeated, undecided = self._repeated(may_wait=may_wait, ended=ended)
        if may_wait and (undecided or (self._shown.startswith(head) and agreed_words < RESTART_WORDS)):
            return ()
        if agreed_words >= RESTART_WORDS and agreed > len(repeated or ""):
            self.kind = "restart"
            return self._skip()
        if repeated is not None:
            self.kind, self._through = "overlap", True
            return _append(self._head.after(len(repeated), self._gap))
        self.kind, self._through = "continuation", True
        return _append(self._head.raw)

    def _repeated(self, *, may_wait: bool, ended: bool) -> tuple[str | None, bool]:
        """The longest tail that the head repeats, and whether only more text can tell."""
        head = self._head.normal
        for start in self._starts:
            tail = self._shown[start:]
            if may_wait and tail.startswith(head):
                return None, True
            repeats = head.startswith(tail) or (ended and head == tail.rstrip())
            if repeats and self._is_repetition(tail, head[len(tail) : len(tail) + 1]):
                return tail, False
        return None, False

    def _is_repetition(self, tail: str, following: str) -> bool:
        words = tail.split()
        exact = self._head.raw[:1].isspace() and not self._gap
        if len(words) < (PLAIN_WORDS if exact else 1):
            return False
        if len(words) > 1:
            # "0 0" and "ha ha" go on as they repeat: no telling which.
            return len(set(words)) > 1
        letters = words[0].strip("\"'.,;:!?()*_`")
        # Digits are written one by one by many models: "1" and "1 apples" may well be "11 apples".
        if not letters.isalpha():
            return False
        broken = bool(following) and following.isalnum() and tail[-1].isalnum()
        return not broken or len(letters) >= PART_OF_WORD_CHARS

    def _skip(self) -> tuple[Piece, ...]:
        """Go on along the opening, as far as the new text agrees with what was shown."""
        head = self._head.normal
        while self._agreed < min(len(head), len(self._shown)) and head[self._agreed] == self._shown[self._agreed]:
            self._agreed += 1
        if self._agreed == len(self._shown):
            self._through = True
            return _append(self._head.after(self._agreed, self._gap))
        if self._agreed < len(head):
            self.kind, self._through = "divergent", True
            return (Divergent(self._head.raw),)
        return ()


class _Head:
    """The new text so far: as it came, and with each run of white space as one space and none before the first word.

    A run at the very end is told once something follows it.
    """

    def __init__(self) -> None:
        self.raw = ""
        self.normal = ""
        self._ends: list[int] = []
        self._taken = 0

    def add(self, text: str) -> None:
        self.raw += text
        for position in range(self._taken, len(self.raw)):
            character = self.raw[position]
            if character.isspace():
                continue
            if self._ends and position > self._ends[-1]:
                self._put(" ", position)
            self._put(character, position + 1)
        self._taken = len(self.raw)

    def after(self, count: int, gap: str) -> str:
        """What follows the first ``count`` normal characters.

        A run of white space at their end was shown as ``gap``; what it has beyond that is kept.
        """
        count = min(count, len(self._ends))
        end = self._ends[count - 1]
        if self.normal[count - 1] != " ":
            return self.raw[end:]
        run = self.raw[self._ends[count - 2] : end]
        return (run[len(gap) :] if run.startswith(gap) else "") + self.raw[end:]

    def _put(self, character: str, end: int) -> None:
        self.normal += character
        self._ends.append(end)


def _normal(text: str) -> str:
    """Each run of white space as one space, also at the end; none at the start."""
    words = " ".join(text.split())
    return f"{words} " if words and text[-1].isspace() else words


def _word_starts(text: str) -> list[int]:
    """Where the words of the last HOLD_CHARS begin, the first one first."""
    first = max(0, len(text) - HOLD_CHARS)
    return [
        place for place in range(first, len(text)) if text[place] != " " and (place == 0 or text[place - 1] == " ")
    ]


def _agreement(one: str, other: str) -> int:
    """How many characters both begin with."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _whole_words(text: str, count: int) -> int:
    """How many words end within the first ``count`` characters."""
    if count < len(text) and text[count] != " " and count and text[count - 1] != " ":
        count = text.rfind(" ", 0, count) + 1
    return len(text[:count].split())


def _append(text: str) -> tuple[Piece, ...]:
    return (Append(text),) if text else ()
