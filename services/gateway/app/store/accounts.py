"""Every query on users, credentials and sign-in links."""

from dataclasses import dataclass

from novakit.database import Database, upsert
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ..credentials import Caller, Kind, log_name
from .tables import credentials, sign_in_links, users

ADMIN = "admin"
FIRST_ADMIN = "first admin"
"""Held while it is found out whether there is one, and made where there is none: one process at a time."""


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential to be stored; the credential itself is in the caller's hands alone."""

    id: str
    kind: Kind
    name: str
    hash: str
    created_at: float
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A credential that was not revoked, and when it was last used as far as that is written down."""

    caller: Caller
    last_used_at: float | None


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An API key as its owner may see it."""

    id: str
    name: str
    created_at: float
    last_used_at: float | None


class Accounts:
    """The stored accounts."""

    def __init__(self, database: Database, engine: AsyncEngine) -> None:
        """``engine`` is the database's."""
        self._database = database
        self._engine = engine

    async def ping(self) -> None:
        """Return where the database answers, and raise where it does not."""
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def find(self, hashed: str) -> Found | None:
        """The credential with this hash, unless it was revoked."""
        query = (
            select(credentials, users.c.role)
            .join(users, users.c.id == credentials.c.user_id)
            .where(credentials.c.hash == hashed, credentials.c.revoked_at.is_(None))
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return None
        caller = Caller(row.user_id, row.role, row.kind, row.id, row.expires_at, log_name(row.user_id))
        return Found(caller, row.last_used_at)

    async def touch(self, credential_id: str, wall: float) -> None:
        """Write down that a credential was used."""
        async with self._engine.begin() as connection:
            await connection.execute(
                update(credentials).where(credentials.c.id == credential_id).values(last_used_at=wall)
            )

    async def bootstrap(self, user_id: str, key: NewCredential) -> bool:
        """Make the admin with this key where there is no user yet; says whether it was done."""
        async with self._engine.begin() as connection:
            await self._database.lock(connection, FIRST_ADMIN)
            if await connection.scalar(select(users.c.id).limit(1)) is not None:
                return False
            await _add_admin(connection, user_id, key.created_at)
            await _add(connection, user_id, key)
        return True

    async def see_link(self, hashed: str, wall: float) -> None:
        """Remember when a sign-in link was first handed over; later starts with the same link change nothing."""
        async with self._engine.begin() as connection:
            row = upsert(self._engine, sign_in_links).values(hash=hashed, first_seen_at=wall)
            await connection.execute(row.on_conflict_do_nothing())

    async def use_link(
        self, hashed: str, *, seen_after: float, new_user_id: str, session: NewCredential
    ) -> str | None:
        """Use up a link that was first seen after this time, and sign its admin in; the user's id, None if refused.

        Where there is no admin yet, one is made.
        """
        use = (
            update(sign_in_links)
            .where(
                sign_in_links.c.hash == hashed,
                sign_in_links.c.used_at.is_(None),
                sign_in_links.c.first_seen_at > seen_after,
            )
            .values(used_at=session.created_at)
        )
        admin = select(users.c.id).where(users.c.role == ADMIN).order_by(users.c.created_at).limit(1)
        async with self._engine.begin() as connection:
            await self._database.lock(connection, FIRST_ADMIN)
            if (await connection.execute(use)).rowcount != 1:
                return None
            user_id = await connection.scalar(admin)
            if user_id is None:
                user_id = new_user_id
                await _add_admin(connection, user_id, session.created_at)
            await _add(connection, user_id, session)
        return str(user_id)

    async def add(self, user_id: str, credential: NewCredential) -> None:
        """Store one more credential of a user."""
        async with self._engine.begin() as connection:
            await _add(connection, user_id, credential)

    async def keys(self, user_id: str) -> list[KeyRow]:
        """The user's API keys that were not revoked, oldest first."""
        query = (
            select(credentials)
            .where(
                credentials.c.user_id == user_id,
                credentials.c.kind == "api_key",
                credentials.c.revoked_at.is_(None),
            )
            .order_by(credentials.c.created_at, credentials.c.id)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [KeyRow(row.id, row.name, row.created_at, row.last_used_at) for row in rows]

    async def revoke_key(self, user_id: str, key_id: str, wall: float) -> bool:
        """Revoke one of the user's API keys; says whether there was such a key."""
        change = (
            update(credentials)
            .where(
                credentials.c.id == key_id,
                credentials.c.user_id == user_id,
                credentials.c.kind == "api_key",
                credentials.c.revoked_at.is_(None),
            )
            .values(revoked_at=wall)
        )
        async with self._engine.begin() as connection:
            return (await connection.execute(change)).rowcount == 1

    async def delete_session(self, credential_id: str) -> None:
        """Forget a browser session."""
        async with self._engine.begin() as connection:
            await connection.execute(
                delete(credentials).where(credentials.c.id == credential_id, credentials.c.kind == "browser")
            )

    async def delete_expired_sessions(self, wall: float) -> None:
        """Forget the browser sessions that can no longer be used."""
        async with self._engine.begin() as connection:
            await connection.execute(
                delete(credentials).where(credentials.c.kind == "browser", credentials.c.expires_at <= wall)
            )


async def _add_admin(connection: AsyncConnection, user_id: str, wall: float) -> None:
    await connection.execute(insert(users).values(id=user_id, role=ADMIN, created_at=wall))


async def _add(connection: AsyncConnection, user_id: str, credential: NewCredential) -> None:
    await connection.execute(
        insert(credentials).values(
            id=credential.id,
            user_id=user_id,
            kind=credential.kind,
            name=credential.name,
            hash=credential.hash,
            created_at=credential.created_at,
            expires_at=credential.expires_at,
        )
    )
