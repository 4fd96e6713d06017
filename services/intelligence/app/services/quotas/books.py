"""What is reserved before an answer, and what is written down after it, in the transactions that store the answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...domain.chat import ChatTurn
from ...store import ledger, quotas
from ...store.ledger import NANO, Entry
from ...store.quotas import Hold
from ...store.sql import Sql
from ..stored_route import CallRecord
from .days import Days
from .users import UserQuotas


@dataclass(frozen=True, slots=True)
class Account:
    """An answer that has come to its end: its upstream calls, and whether its user got anything for the message.

    ``message_id`` is None for a caller that keeps its own conversation.
    """

    request_id: str
    message_id: str | None
    user_id: str
    calls: tuple[CallRecord, ...]
    hold: Hold | None
    answered: bool


class Books:
    """The quotas of users, and the ledger. ``wall`` is seconds since 1970 UTC."""

    def __init__(self, users: UserQuotas, days: Days, wall: Callable[[], float]) -> None:
        self.users = users
        self.days = days
        self._wall = wall

    @property
    def limited(self) -> bool:
        """Whether users have quotas at all."""
        return self.users.limited

    def reserve(self, connection: Sql, user_id: str, asked: Sequence[ChatTurn], *, messages: int = 1) -> Hold | None:
        """Reserve one answer to these turns; raises UserOverQuotaError. ``messages`` 0: it was counted before."""
        return self.users.reserve(connection, user_id, asked, messages=messages)

    def close(self, connection: Sql, account: Account) -> None:
        """Settle what was reserved, and write every call down."""
        wall = self._wall()
        day, at = self.days.of(wall), int(wall * 1_000_000)
        if account.hold is not None:
            tokens = sum(call.input_tokens + call.output_tokens for call in account.calls)
            quotas.settle(connection, account.hold, {"messages": int(account.answered), "tokens": tokens})
        ledger.append(connection, [_entry(account, call, at, day) for call in account.calls])


def _entry(account: Account, call: CallRecord, at: int, day: str) -> Entry:
    return Entry(
        request_id=account.request_id,
        message_id=account.message_id,
        user_id=account.user_id,
        attempt=call.attempt,
        provider=call.provider,
        model=call.model,
        locality=call.locality,
        outcome=call.outcome or "cancelled",
        reason=call.reason,
        input_tokens=call.input_tokens,
        output_tokens=call.output_tokens,
        estimated=call.estimated,
        nano_usd=None if call.cost_usd is None else round(call.cost_usd * NANO),
        at=at,
        day=day,
    )
