"""Every query on sign-ins, each of which is a family of refresh tokens that replace one another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from .tables import sign_ins, users

Rotation = Literal["rotated", "repeated", "reused", "unknown"]
"""What came of a refresh token: it was the current one; it was replaced a moment ago, by the same successor; it was
replaced longer ago, and so the sign-in has ended; there is no such sign-in."""


@dataclass(frozen=True, slots=True)
class NewSignIn:
    """A sign-in to be stored; its refresh token is in the caller's hands alone."""

    id: str
    refresh_hash: str
    created_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose sign-in it is."""

    user_id: str
    name: str | None
    role: str


class SignIns:
    """The stored sign-ins."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def owner(self, sign_in_id: str, wall: float) -> Owner | None:
        """Whose sign-in this is; None where it has ended or its owner is disabled."""
        query = (
            select(users.c.id, users.c.name, users.c.role)
            .join(sign_ins, users.c.id == sign_ins.c.user_id)
            .where(sign_ins.c.id == sign_in_id, sign_ins.c.expires_at > wall, users.c.disabled_at.is_(None))
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else Owner(row.id, row.name, row.role)

    async def rotate(
        self,
        sign_in_id: str,
        *,
        presented: str,
        successors: Sequence[str],
        wall: float,
        expires_at: float,
        grace: float,
    ) -> tuple[Rotation, str]:
        """Replace the refresh token with the hash ``presented`` by the first of the ``successors``.

        One that is out of its turn ends the sign-in, unless one of the successors took its place a moment ago. Beside
        what came of it, the successor that is in force.
        """
        successor = successors[0]
        this = sign_ins.c.id == sign_in_id
        change = (
            update(sign_ins)
            .where(this, sign_ins.c.refresh_hash == presented, sign_ins.c.expires_at > wall)
            .values(refresh_hash=successor, previous_hash=presented, rotated_at=wall, expires_at=expires_at)
        )
        async with self._engine.begin() as connection:
            if (await connection.execute(change)).rowcount == 1:
                return "rotated", successor
            row = (await connection.execute(select(sign_ins).where(this))).one_or_none()
            if row is None or row.expires_at <= wall:
                return "unknown", successor
            known = row.previous_hash == presented and row.refresh_hash in successors
            if known and wall - row.rotated_at < grace:
                return "repeated", row.refresh_hash
            await connection.execute(delete(sign_ins).where(this))
        return "reused", successor

    async def end(self, sign_in_id: str) -> None:
        """Let a sign-in count no longer."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(sign_ins).where(sign_ins.c.id == sign_in_id))

    async def end_all(self, user_id: str) -> None:
        """The same for all of a user's."""
        async with self._engine.begin() as connection:
            await delete_sign_ins(connection, user_id)

    async def delete_expired(self, wall: float) -> None:
        """Forget those that can no longer be used."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(sign_ins).where(sign_ins.c.expires_at <= wall))


async def insert_sign_in(connection: AsyncConnection, user_id: str, new: NewSignIn) -> None:
    """Store a sign-in within a transaction, and that its owner has signed in."""
    await connection.execute(
        insert(sign_ins).values(
            id=new.id,
            user_id=user_id,
            refresh_hash=new.refresh_hash,
            rotated_at=new.created_at,
            created_at=new.created_at,
            expires_at=new.expires_at,
        )
    )
    await connection.execute(update(users).where(users.c.id == user_id).values(last_sign_in_at=new.created_at))


async def delete_sign_ins(connection: AsyncConnection, user_id: str, *, but: str = "") -> None:
    """End a user's sign-ins within a transaction, all but one."""
    await connection.execute(delete(sign_ins).where(sign_ins.c.user_id == user_id, sign_ins.c.id != but))
