"""A user's own word on the cloud. Each function runs inside a transaction."""

from collections.abc import Collection

from .sql import Sql


def cloud_allowed(connection: Sql, user_id: str) -> bool:
    """What the user has said; never said is allowed, and what cannot be understood is not."""
    row = connection.execute("SELECT cloud_allowed FROM user_settings WHERE user_id = ?", (user_id,)).fetchone()
    return row is None or (isinstance(row[0], int) and row[0] == 1)


def forbidding(connection: Sql, user_ids: Collection[str]) -> set[str]:
    """Those of these users who do not allow the cloud."""
    return {user_id for user_id in user_ids if not cloud_allowed(connection, user_id)}


def allow_cloud(connection: Sql, user_id: str, at: int, *, allowed: bool) -> None:
    """Keep the user's word; ``at`` is microseconds since 1970 UTC."""
    connection.execute(
        "INSERT INTO user_settings (user_id, cloud_allowed, updated_at) VALUES (?, ?, ?)"
        " ON CONFLICT (user_id) DO UPDATE SET cloud_allowed = excluded.cloud_allowed,"
        " updated_at = excluded.updated_at",
        (user_id, allowed, at),
    )
