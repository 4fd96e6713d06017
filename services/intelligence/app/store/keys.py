"""Idempotency keys: which prompt a user's key stands for. Each function runs inside a transaction."""

from dataclasses import dataclass

from .sql import Sql

KEPT_MICROS = 24 * 3600 * 1_000_000
NOT_KEPT = ("fallback", "failed", "interrupted")
"""A prompt that ended so has no answer worth repeating: its key begins a new turn in its place."""


class KeyReusedError(Exception):
    """The key stands for another body."""


@dataclass(frozen=True, slots=True)
class Key:
    """``route`` is the call that it was given to; ``digest`` tells one body from another."""

    user_id: str
    route: str
    text: str
    digest: str


@dataclass(frozen=True, slots=True)
class Known:
    """The prompt of a key, and whether its answer is given again."""

    prompt_id: str
    repeated: bool


def look_up(connection: Sql, key: Key, at: int) -> Known | None:
    """What the key stands for at this time (microseconds); raises KeyReusedError. Old keys are forgotten.

    Whoever looks up the same key waits until this transaction has ended.
    """
    connection.lock(f"key {key.user_id} {key.route} {key.text}")
    connection.execute("DELETE FROM idempotency_keys WHERE created_at <= ?", (at - KEPT_MICROS,))
    row = connection.execute(
        "SELECT k.digest, p.id, p.status FROM idempotency_keys AS k JOIN prompts AS p ON p.id = k.prompt_id"
        " WHERE k.user_id = ? AND k.route = ? AND k.key = ?",
        (key.user_id, key.route, key.text),
    ).fetchone()
    if row is None:
        return None
    digest, prompt_id, status = row
    if digest != key.digest:
        raise KeyReusedError
    return Known(str(prompt_id), status not in NOT_KEPT)


def keep(connection: Sql, key: Key, prompt_id: str, at: int) -> None:
    """From now on the key stands for this prompt."""
    connection.execute(
        "INSERT INTO idempotency_keys (user_id, route, key, digest, prompt_id, created_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (user_id, route, key) DO UPDATE"
        " SET digest = excluded.digest, prompt_id = excluded.prompt_id, created_at = excluded.created_at",
        (key.user_id, key.route, key.text, key.digest, prompt_id, at),
    )
