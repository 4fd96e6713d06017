"""What of a conversation a model is given: cut from the oldest end to the model's context."""

from collections.abc import Sequence
from math import ceil

from ..domain.chat import ChatTurn, Locality

ANSWER_SHARE = 0.25
"""How much of the context is kept free for the answer."""
TURN_OVERHEAD_TOKENS = 8
"""What a chat template adds to each turn, at most, in the templates of the common model families."""


def estimated_tokens(text: str) -> int:
    """A cautious guess without a tokenizer: four characters a token, but one for each outside Latin-1."""
    wide = 0 if text.isascii() else len(text) - len(text.encode("latin-1", "ignore"))
    return wide + ceil((len(text) - wide) / 4)


def turn_tokens(turn: ChatTurn) -> int:
    """The same for a turn, with what a chat template adds to it."""
    return estimated_tokens(turn.text) + TURN_OVERHEAD_TOKENS


def fit(turns: Sequence[ChatTurn], *, context_tokens: int, locality: Locality, keep: int = 1) -> tuple[ChatTurn, ...]:
    """The turns that this model may and can be given: system turns, the last turn, and the newest before it.

    A turn that was marked local never goes to a cloud model. The last turns, ``keep`` of them, stay whatever their
    length: whether they are too long is the provider's to say.
    """
    allowed = [turn for turn in turns if locality == "local" or not turn.local_only]
    before, last = allowed[:-keep], allowed[-keep:]
    system = [turn for turn in before if turn.role == "system"]
    room = int(context_tokens * (1 - ANSWER_SHARE)) - sum(turn_tokens(turn) for turn in (*system, *last))
    kept: list[ChatTurn] = []
    for turn in reversed([turn for turn in before if turn.role != "system"]):
        room -= turn_tokens(turn)
        if room < 0:
            break
        kept.append(turn)
    kept.reverse()
    # An answer whose question was cut off would open the conversation.
    while kept and kept[0].role == "assistant":
        kept.pop(0)
    return (*system, *kept, *last)
