"""Shortens a conversation that is longer than the context, as Ollama does with ``truncate``. Pure."""

from collections.abc import Sequence

from .engine import Turn

ANSWER_SHARE = 4
"""A conversation that must be shortened leaves at most this part of the context (1/4) to the answer."""

_TURN_OVERHEAD = 16
"""About what a role and its marks add to a turn, in characters."""


def budget(context: int, max_tokens: int | None) -> int:
    """How many tokens a shortened prompt may have, so that an answer of ``max_tokens`` still has some room."""
    room = context // ANSWER_SHARE
    return context - min(max_tokens or room, room)


def shorten(turns: Sequence[Turn], tokens: int, limit: int) -> tuple[Turn, ...] | None:
    """The conversation without its oldest turns; None where nothing is left to drop.

    ``tokens`` is the exact length of the whole, ``limit`` the longest that is wanted. The length of each turn is
    estimated from its share of the characters, so the result may still be too long and be shortened again: each
    call drops at least one turn. System turns and the last turn stay.
    """
    droppable = [index for index, turn in enumerate(turns[:-1]) if turn.role != "system"]
    if not droppable:
        return None
    sizes = [len(turn.content) + _TURN_OVERHEAD for turn in turns]
    left = sum(sizes)
    per_character = tokens / left
    dropped: set[int] = set()
    for index in droppable:
        if dropped and left * per_character <= limit:
            break
        dropped.add(index)
        left -= sizes[index]
    return tuple(turn for index, turn in enumerate(turns) if index not in dropped)
