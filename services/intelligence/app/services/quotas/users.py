"""What a user may use in a day."""

from collections.abc import Callable, Sequence
from math import inf

from novakit.ids import NewId

from ...domain.chat import ChatTurn
from ...routing.history import estimated_tokens
from ...store import quotas
from ...store.quotas import Hold, OverQuotaError, Quota, Unit, Wanted
from ...store.sql import Sql
from .days import Days

ANSWER_TOKENS = 256
"""How long an answer is taken to become, where its caller does not bound it, until it is known."""


class UserOverQuotaError(Exception):
    """The user has used up a quota of today, which ends ``seconds`` from now, at ``resets_at`` (ISO 8601)."""

    def __init__(self, over: OverQuotaError, seconds: float, resets_at: str) -> None:
        super().__init__(str(over))
        self.unit = over.quota.unit
        self.limit = over.quota.limit
        self.used = over.used
        self.seconds = seconds
        self.resets_at = resets_at


class UserQuotas:
    """Reserves and tells. ``limits`` are units a day; without any, nothing is reserved. ``wall`` is seconds.

    ``readable`` is how many tokens of a conversation anybody reads: what is longer is cut before it is sent.
    """

    def __init__(
        self,
        limits: dict[Unit, int],
        days: Days,
        wall: Callable[[], float],
        new_id: NewId,
        readable: Callable[[], float] = lambda: inf,
    ) -> None:
        self.limits = limits
        self._days = days
        self._wall = wall
        self._new_id = new_id
        self._readable = readable

    @property
    def limited(self) -> bool:
        """Whether there are any."""
        return bool(self.limits)

    def reserve(self, sql: Sql, user_id: str, asked: Sequence[ChatTurn], *, messages: int = 1) -> Hold | None:
        """Reserve one answer to these turns, in the caller's transaction; raises UserOverQuotaError.

        ``messages`` is 0 for an answer that goes on: its message was counted when it came.
        """
        if not self.limits:
            return None
        wall = self._wall()
        amounts: dict[Unit, int] = {"messages": messages, "tokens": 0}
        if "tokens" in self.limits:
            question = sum(estimated_tokens(turn.text) for turn in asked)
            amounts["tokens"] = int(min(question, self._readable())) + ANSWER_TOKENS
        # What is not reserved is not settled either.
        wanted = [Wanted(self._quota(user_id, unit), amounts[unit]) for unit in self.limits if amounts[unit]]
        try:
            return quotas.reserve(sql, self._new_id(), wanted, day=self._days.of(wall), at=int(wall * 1_000_000))
        except OverQuotaError as over:
            raise UserOverQuotaError(over, self._days.next(wall) - wall, self._days.next_text(wall)) from None

    def _quota(self, user_id: str, unit: Unit) -> Quota:
        return Quota(subject_of(user_id), unit, self.limits[unit])


def subject_of(user_id: str) -> str:
    """What a user is called among the subjects of quotas."""
    return f"user:{user_id}"
