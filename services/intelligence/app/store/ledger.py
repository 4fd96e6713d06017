"""The ledger: one row for each upstream call, written once and never changed. Functions run inside a transaction.

It tells what was used, by whom, and where it went, also when a conversation is deleted: it holds no text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .sql import Sql

NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One upstream call. ``nano_usd`` is billionths of a US dollar, None where no price is known.

    ``attempt`` counts from 1 within its request; ``at`` is microseconds since 1970 UTC, ``day`` the quota day.
    """

    request_id: str
    message_id: str | None
    user_id: str
    attempt: int
    provider: str
    model: str
    locality: str
    outcome: str
    reason: str | None
    input_tokens: int
    output_tokens: int
    estimated: bool
    nano_usd: int | None
    at: int
    day: str


def append(connection: Sql, entries: Sequence[Entry]) -> None:
    """Write these calls down."""
    for entry in entries:
        connection.execute(
            "INSERT INTO ledger (request_id, message_id, user_id, attempt, provider, model, locality, outcome,"
            " reason, input_tokens, output_tokens, estimated, nano_usd, at, day)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                entry.request_id,
                entry.message_id,
                entry.user_id,
                entry.attempt,
                entry.provider,
                entry.model,
                entry.locality,
                entry.outcome,
                entry.reason,
                entry.input_tokens,
                entry.output_tokens,
                entry.estimated,
                entry.nano_usd,
                entry.at,
                entry.day,
            ),
        )
