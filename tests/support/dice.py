"""Things put together by chance, all of whose choices come out of one string of bytes.

Hypothesis draws the string, and makes it simpler where something fails. Were it to draw each choice by itself, with a
tree of all that it has drawn, that would take longer than what is tried with them. A choice is one byte, and what is
named first is what a byte of 0 means: so name what is simplest first.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Dice:
    """Chooses by the next byte each time; raises IndexError where there are none left: a size is wrong.

    Were it to go on with 0, the last choices would always be the same, and nobody would see it.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def below(self, count: int) -> int:
        """A whole number from 0; ``count`` is at most 256."""
        byte = self._data[self._at]
        self._at += 1
        return byte % count

    def one_of(self, options: Sequence[T]) -> T:
        """One of these; what is there twice is chosen twice as often."""
        return options[self.below(len(options))]

    def either(self) -> bool:
        """False or true."""
        return self.below(2) == 1

    def seldom(self) -> bool:
        """True in one of eight cases."""
        return self.below(8) == 7

    def fraction(self) -> float:
        """From 0 to 1, both included, by two bytes."""
        return (self.below(256) * 256 + self.below(256)) / 65535

    def some(self, make: Callable[["Dice"], T], least: int, most: int, size: int) -> list[T]:
        """So many, each made by ``make`` of ``size`` bytes of its own: none changes because another does."""
        count = least + self.below(most - least + 1)
        start = self._at
        self._at = start + most * size
        return [make(Dice(self._data[at : at + size])) for at in range(start, start + count * size, size)]


def thrown(make: Callable[[Dice], T], size: int) -> st.SearchStrategy[T]:
    """What ``make`` makes of ``size`` bytes: as many as it takes at the most."""
    return st.binary(min_size=size, max_size=size).map(lambda data: make(Dice(data)))
