"""Every query on API keys."""

from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..credentials import Caller, KeyScope
from .tables import api_keys, users


@dataclass(frozen=True, slots=True)
class NewKey:
    """An API key to be stored; the key itself is in its owner's hands alone."""

    id: str
    name: str
    scope: KeyScope
    hash: str
    created_at: float
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class FoundKey:
    """Whose key it is, and when it was last used as far as that is written down."""

    caller: Caller
    last_used_at: float | None


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An API key as its owner may see it."""

    id: str
    name: str
    scope: KeyScope
    created_at: float
    expires_at: float | None
    last_used_at: float | None


class ApiKeys:
    """The stored keys."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, hashed: str) -> FoundKey | None:
        """The key with this hash, unless it was revoked or its owner is disabled."""
        query = (
            select(api_keys, users.c.role)
            .join(users, users.c.id == api_keys.c.user_id)
            .where(api_keys.c.hash == hashed, api_keys.c.revoked_at.is_(None), users.c.disabled_at.is_(None))
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        caller = Caller(
            user_id=row.user_id,
            role=row.role if row.scope == "admin" else "user",
            kind="api_key",
            credential_id=row.id,
            expires_at=row.expires_at,
            scope=row.scope,
        )
        return FoundKey(caller, row.last_used_at)

    async def touch(self, key_id: str, wall: float) -> None:
        """Write down that a key was used."""
        async with self._engine.begin() as connection:
            await connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=wall))

    async def add(self, user_id: str, key: NewKey) -> None:
        """Store one more key of a user."""
        async with self._engine.begin() as connection:
            await insert_key(connection, user_id, key)

    async def of(self, user_id: str) -> list[KeyRow]:
        """The user's keys that were not revoked, oldest first."""
        query = (
            select(api_keys)
            .where(api_keys.c.user_id == user_id, api_keys.c.revoked_at.is_(None))
            .order_by(api_keys.c.created_at, api_keys.c.id)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [KeyRow(row.id, row.name, row.scope, row.created_at, row.expires_at, row.last_used_at) for row in rows]

    async def revoke(self, user_id: str, key_id: str, wall: float) -> bool:
        """Revoke one of the user's keys; says whether there was such a key."""
        change = (
            update(api_keys)
            .where(api_keys.c.id == key_id, api_keys.c.user_id == user_id, api_keys.c.revoked_at.is_(None))
            .values(revoked_at=wall)
        )
        async with self._engine.begin() as connection:
            return (await connection.execute(change)).rowcount == 1

    async def revoke_all(self, user_id: str, wall: float) -> int:
        """Revoke all of the user's keys; says how many there were."""
        change = (
            update(api_keys)
            .where(api_keys.c.user_id == user_id, api_keys.c.revoked_at.is_(None))
            .values(revoked_at=wall)
        )
        async with self._engine.begin() as connection:
            return (await connection.execute(change)).rowcount


async def insert_key(connection: AsyncConnection, user_id: str, key: NewKey) -> None:
    """Store a key within a transaction."""
    await connection.execute(
        insert(api_keys).values(
            id=key.id,
            user_id=user_id,
            name=key.name,
            scope=key.scope,
            hash=key.hash,
            created_at=key.created_at,
            expires_at=key.expires_at,
        )
    )
