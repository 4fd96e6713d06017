"""Every query on users: who they are, their passwords, what admins see and change of them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from .sign_ins import NewSignIn, delete_sign_ins, insert_sign_in
from .tables import known_addresses, tickets, users

ADMIN = "admin"


class NameTakenError(Exception):
    """Another user has this name."""


@dataclass(frozen=True, slots=True)
class User:
    """A user as others may see them. Times are seconds since 1970."""

    id: str
    name: str | None
    role: str
    created_at: float
    has_password: bool
    disabled_at: float | None
    last_sign_in_at: float | None


@dataclass(frozen=True, slots=True)
class Name:
    """A name as it is shown, and as it is compared."""

    shown: str
    key: str


@dataclass(frozen=True, slots=True)
class Login:
    """What is known of a name that somebody wants to sign in with, whether there is such a user or not."""

    user: User | None
    password_hash: str | None
    from_known_address: bool


class Users:
    """The stored users."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def ping(self) -> None:
        """Return where the database answers, and raise where it does not."""
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def login(self, name_key: str, address_hash: str) -> Login:
        """What signing in with this name from this address goes by: one query, whatever it finds."""
        here = and_(known_addresses.c.user_id == users.c.id, known_addresses.c.address_hash == address_hash)
        query = (
            select(users, known_addresses.c.last_seen_at.label("seen"))
            .outerjoin(known_addresses, here)
            .where(users.c.name_key == name_key)
        )
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return Login(None, None, from_known_address=False)
        # A disabled user has no password that could be right.
        hashed = row.password_hash if row.disabled_at is None else None
        return Login(_user(row), hashed, from_known_address=row.seen is not None)

    async def signed_in(
        self, user_id: str, sign_in: NewSignIn, *, address_hash: str, verified: str, renewed: str | None
    ) -> bool:
        """Store a sign-in by password; false where the user was disabled, or the ``verified`` hash is the old one.

        ``renewed`` takes that hash's place.
        """
        here = and_(known_addresses.c.user_id == user_id, known_addresses.c.address_hash == address_hash)
        still = and_(users.c.id == user_id, users.c.disabled_at.is_(None), users.c.password_hash == verified)
        seen = {"user_id": user_id, "address_hash": address_hash, "last_seen_at": sign_in.created_at}
        async with self._engine.begin() as connection:
            change = update(users).where(still).values(password_hash=renewed or verified)
            if (await connection.execute(change)).rowcount != 1:
                return False
            await insert_sign_in(connection, user_id, sign_in)
            await connection.execute(delete(known_addresses).where(here))
            await connection.execute(insert(known_addresses).values(seen))
        return True

    async def get(self, user_id: str) -> User | None:
        """One user."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(users).where(users.c.id == user_id))).one_or_none()
        return None if row is None else _user(row)

    async def password_hash(self, user_id: str) -> str | None:
        """A user's password, hashed; None where there is none."""
        async with self._engine.connect() as connection:
            hashed = await connection.scalar(select(users.c.password_hash).where(users.c.id == user_id))
        return None if hashed is None else str(hashed)

    async def set_password(
        self, user_id: str, hashed: str, *, replacing: str | None, name: Name | None, but: str
    ) -> bool:
        """Set a password where ``replacing`` is still the present one, and end all sign-ins ``but`` one.

        Links to reset it count no longer.

        Raises NameTakenError for a new ``name`` that somebody else has.
        """
        values = {"password_hash": hashed}
        if name is not None:
            values |= {"name": name.shown, "name_key": name.key}
        present = users.c.password_hash.is_(None) if replacing is None else users.c.password_hash == replacing
        try:
            async with self._engine.begin() as connection:
                change = update(users).where(users.c.id == user_id, present).values(values)
                if (await connection.execute(change)).rowcount != 1:
                    return False
                await delete_sign_ins(connection, user_id, but=but)
                await delete_resets(connection, user_id)
        except IntegrityError:
            raise NameTakenError from None
        return True

    async def has_admin(self) -> bool:
        """Whether somebody is there who can let others in."""
        async with self._engine.connect() as connection:
            return await connection.scalar(select(users.c.id).where(enabled_admin()).limit(1)) is not None

    async def page(self, *, query: str, after: str, limit: int) -> tuple[list[User], int]:
        """Users whose name holds the ``query`` (as names are compared), from the one ``after``; and how many."""
        wanted = users.c.name_key.contains(query, autoescape=True) if query else users.c.id.is_not(None)
        rows = select(users).where(wanted, users.c.id > after).order_by(users.c.id).limit(limit)
        async with self._engine.connect() as connection:
            total = await connection.scalar(select(func.count()).select_from(users).where(wanted))
            found = (await connection.execute(rows)).all()
        return [_user(row) for row in found], total or 0

    async def change(self, user_id: str, *, role: str | None, disabled: bool | None, wall: float) -> bool:
        """Change a user's role, disable or enable them; false where this would leave no admin.

        A disabled user's sign-ins end and links to reset their password, and so do the invitations of one who is no
        admin any more.
        """
        values: dict[str, object] = {}
        if role is not None:
            values["role"] = role
        if disabled is not None:
            values["disabled_at"] = func.coalesce(users.c.disabled_at, wall) if disabled else None
        change = update(users).where(users.c.id == user_id).values(values)
        async with self._engine.begin() as connection:
            await _lock_admins(connection)
            lowered = bool(disabled) or role not in {None, ADMIN}
            if lowered:
                change = change.where(or_(users.c.role != ADMIN, users.c.disabled_at.is_not(None), _another(user_id)))
            if (await connection.execute(change)).rowcount != 1:
                return False
            if lowered:
                await connection.execute(delete(tickets).where(tickets.c.created_by == user_id))
            if disabled:
                await delete_sign_ins(connection, user_id)
                await delete_resets(connection, user_id)
        return True

    async def delete_old_addresses(self, before: float) -> None:
        """Forget where nobody has signed in from since then."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(known_addresses).where(known_addresses.c.last_seen_at <= before))


def enabled_admin() -> ColumnElement[bool]:
    """Whether a row of users is an admin who can sign in."""
    return and_(users.c.role == ADMIN, users.c.disabled_at.is_(None))


async def insert_user(
    connection: AsyncConnection,
    user_id: str,
    *,
    role: str,
    wall: float,
    name: Name | None = None,
    hashed: str | None = None,
) -> None:
    """Store a user within a transaction; raises NameTakenError."""
    named = {} if name is None else {"name": name.shown, "name_key": name.key}
    values = {"id": user_id, "role": role, "created_at": wall, "password_hash": hashed, **named}
    try:
        await connection.execute(insert(users).values(values))
    except IntegrityError:
        raise NameTakenError from None


async def delete_resets(connection: AsyncConnection, user_id: str) -> None:
    """Let no link set this user's password, within a transaction. Of tickets, these alone are for a user."""
    await connection.execute(delete(tickets).where(tickets.c.user_id == user_id))


async def _lock_admins(connection: AsyncConnection) -> None:
    """Let no other transaction change an admin before this one ends. SQLite has one writer at a time anyway."""
    await connection.execute(select(users.c.id).where(enabled_admin()).with_for_update())


def _another(user_id: str) -> ColumnElement[bool]:
    others = users.alias()
    admin = and_(others.c.role == ADMIN, others.c.disabled_at.is_(None), others.c.id != user_id)
    return select(others.c.id).where(admin).exists()


def _user(row: Row[Any]) -> User:
    return User(
        id=row.id,
        name=row.name,
        role=row.role,
        created_at=row.created_at,
        has_password=row.password_hash is not None,
        disabled_at=row.disabled_at,
        last_sign_in_at=row.last_sign_in_at,
    )
