"""A secret that signs what is good for a while, and may be replaced meanwhile.

The processes that share it notice a new one at different times. So it is accepted at once, but signs only when the
others must know it too; and the old one is accepted until the last thing that it may have signed has expired.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import inf

SPREAD_SECONDS = 60.0
"""Within this time all processes that share a secret are expected to notice that it was replaced."""


@dataclass(frozen=True, slots=True)
class _Entry:
    secret: str
    signs_from: float


class SigningSecret:
    """``life`` is how many seconds what it signs is good for; ``now`` is a clock that goes on evenly."""

    def __init__(self, secret: str, *, life: float, now: Callable[[], float]) -> None:
        self._life = life
        self._now = now
        self._entries: tuple[_Entry, ...] = (_Entry(secret, -inf),)

    def replace(self, secret: str) -> None:
        """Go over to this secret."""
        now = self._now()
        self._entries = (*self._current(now), _Entry(secret, now + SPREAD_SECONDS))

    def signing(self) -> str:
        """The one to sign with."""
        now = self._now()
        return next(entry.secret for entry in reversed(self._entries) if entry.signs_from <= now)

    def accepted(self) -> tuple[str, ...]:
        """All whose signature counts, the one to sign with first."""
        now = self._now()
        first = self.signing()
        return tuple(dict.fromkeys((first, *(entry.secret for entry in reversed(self._current(now))))))

    def _current(self, now: float) -> tuple[_Entry, ...]:
        """The entries without those that a successor has long replaced."""
        kept = [
            entry
            for entry, successor in pairwise(self._entries)
            if now < successor.signs_from + SPREAD_SECONDS + self._life
        ]
        return (*kept, self._entries[-1])


def signing_secret(secret: "str | SigningSecret") -> SigningSecret:
    """A plain text as a secret that nobody replaces."""
    return secret if isinstance(secret, SigningSecret) else SigningSecret(secret, life=0.0, now=lambda: 0.0)
