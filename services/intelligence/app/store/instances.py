"""The processes that answer, and what they have to hear of each other. Each function runs inside a transaction.

A process is alive while it says so. What a dead one left running is nobody's: it broke off.
"""

from collections.abc import Mapping

from ..domain.chat import Lock
from .sql import Sql

LEASE_MICROS = 20 * 1_000_000
"""How long a process counts as alive after its last sign, as the clocks of all their machines go."""


def beat(connection: Sql, instance_id: str, at: int) -> None:
    """The process is alive at this time (microseconds)."""
    connection.execute(
        "INSERT INTO instances (id, seen_at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at",
        (instance_id, at),
    )


def leave(connection: Sql, instance_id: str) -> None:
    """The process ends, and has no answer running any more."""
    connection.execute("DELETE FROM instances WHERE id = ?", (instance_id,))


def leave_all(connection: Sql) -> None:
    """No process is alive: for a database that one at a time serves from, which is about to begin."""
    connection.execute("DELETE FROM instances")


def mark_orphans(connection: Sql, at: int) -> int:
    """Mark what dead processes left running; says how many there were."""
    connection.execute("DELETE FROM instances WHERE seen_at <= ?", (at - LEASE_MICROS,))
    return connection.execute(
        "UPDATE prompts SET status = 'interrupted' WHERE status = 'running'"
        " AND NOT EXISTS (SELECT 1 FROM instances WHERE instances.id = prompts.instance_id)"
    ).rowcount


def running(connection: Sql, instance_id: str) -> Mapping[str, frozenset[Lock]]:
    """The prompts that this process is to answer, and under which locks of their sessions and users they are now."""
    rows = connection.execute(
        "SELECT p.id, s.local_only, coalesce(u.cloud_allowed, TRUE) FROM prompts AS p"
        " JOIN sessions AS s ON s.id = p.session_id LEFT JOIN user_settings AS u ON u.user_id = p.user_id"
        " WHERE p.status = 'running' AND p.instance_id = ?",
        (instance_id,),
    )
    return {
        str(prompt_id): _locks(session_locked, cloud_allowed) for prompt_id, session_locked, cloud_allowed in rows
    }


def stop(connection: Sql, prompt_id: str, user_id: str) -> None:
    """Whatever process answers this prompt is to stop."""
    connection.execute(
        "UPDATE prompts SET status = 'stopped' WHERE id = ? AND user_id = ? AND status = 'running'",
        (prompt_id, user_id),
    )


def _locks(session_locked: object, cloud_allowed: object) -> frozenset[Lock]:
    locks: set[Lock] = set()
    if session_locked:
        locks.add("session")
    if not cloud_allowed:
        locks.add("user")
    return frozenset(locks)
