"""Every query on tickets, which are invitations and resets of a password, and what happens when one is used.

A ticket that was used is gone.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from .sign_ins import NewSignIn, delete_sign_ins, insert_sign_in
from .tables import tickets, users
from .users import Name, delete_resets, insert_user

INVITATION = "invitation"
RESET = "reset"


@dataclass(frozen=True, slots=True)
class NewTicket:
    """A ticket to be stored; its token is in the hands of whoever asked for it alone."""

    id: str
    hash: str
    created_by: str
    created_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation that can still be used."""

    id: str
    role: str
    created_by: str
    created_at: float
    expires_at: float


class Tickets:
    """The stored tickets."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def invite(self, ticket: NewTicket, role: str) -> None:
        """Store an invitation."""
        async with self._engine.begin() as connection:
            await _insert(connection, ticket, kind=INVITATION, role=role)

    async def invitations(self, wall: float) -> list[Invitation]:
        """Those that can still be used, oldest first."""
        query = (
            select(tickets)
            .where(tickets.c.kind == INVITATION, tickets.c.expires_at > wall)
            .order_by(tickets.c.created_at, tickets.c.id)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [Invitation(row.id, row.role, row.created_by, row.created_at, row.expires_at) for row in rows]

    async def revoke(self, invitation_id: str) -> bool:
        """Forget an invitation; says whether there was one."""
        this = (tickets.c.id == invitation_id, tickets.c.kind == INVITATION)
        async with self._engine.begin() as connection:
            return (await connection.execute(delete(tickets).where(*this))).rowcount == 1

    async def may_reset(self, ticket: NewTicket, user_id: str) -> None:
        """Store a ticket with which this user sets a new password. Earlier ones count no longer; sign-ins end."""
        async with self._engine.begin() as connection:
            await delete_resets(connection, user_id)
            await delete_sign_ins(connection, user_id)
            await _insert(connection, ticket, kind=RESET, user_id=user_id)

    async def works(self, kind: str, hashed: str, wall: float) -> bool:
        """Whether such a ticket can be used now."""
        query = select(tickets.c.id).where(*_usable(kind, hashed, wall))
        async with self._engine.connect() as connection:
            return await connection.scalar(query) is not None

    async def register(
        self, invitation: str | None, *, user_id: str, name: Name, password_hash: str, sign_in: NewSignIn
    ) -> str | None:
        """Make a user and sign them in: all of it, or nothing. The user's role; None for an invitation that is spent.

        Without an invitation the role is ``user``. Raises NameTakenError.
        """
        wall = sign_in.created_at
        async with self._engine.begin() as connection:
            role = "user"
            if invitation is not None:
                ticket = await _use(connection, INVITATION, invitation, wall)
                if ticket is None:
                    return None
                role = ticket.role
            await insert_user(connection, user_id, role=role, wall=wall, name=name, hashed=password_hash)
            await insert_sign_in(connection, user_id, sign_in)
        return role

    async def reset(self, hashed: str, *, password_hash: str, sign_in: NewSignIn) -> str | None:
        """Set a new password, end the user's sign-ins and begin one; the user's id, None for a ticket that is spent.

        A disabled user's ticket counts as spent.
        """
        async with self._engine.begin() as connection:
            ticket = await _use(connection, RESET, hashed, sign_in.created_at)
            if ticket is None:
                return None
            enabled = (users.c.id == ticket.user_id, users.c.disabled_at.is_(None))
            change = update(users).where(*enabled).values(password_hash=password_hash)
            if (await connection.execute(change)).rowcount != 1:
                return None
            await delete_sign_ins(connection, ticket.user_id)
            await insert_sign_in(connection, ticket.user_id, sign_in)
        return str(ticket.user_id)

    async def delete_expired(self, wall: float) -> None:
        """Forget those that can no longer be used."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(tickets).where(tickets.c.expires_at <= wall))


async def _insert(
    connection: AsyncConnection, ticket: NewTicket, *, kind: str, role: str | None = None, user_id: str | None = None
) -> None:
    await connection.execute(
        insert(tickets).values(
            id=ticket.id,
            kind=kind,
            hash=ticket.hash,
            role=role,
            user_id=user_id,
            created_by=ticket.created_by,
            created_at=ticket.created_at,
            expires_at=ticket.expires_at,
        )
    )


def _usable(kind: str, hashed: str, wall: float) -> tuple[ColumnElement[bool], ...]:
    return tickets.c.kind == kind, tickets.c.hash == hashed, tickets.c.expires_at > wall


async def _use(connection: AsyncConnection, kind: str, hashed: str, wall: float) -> Row[Any, Any] | None:
    """Use a ticket up within a transaction; its role and user, None where it cannot be used."""
    use = delete(tickets).where(*_usable(kind, hashed, wall)).returning(tickets.c.role, tickets.c.user_id)
    return (await connection.execute(use)).one_or_none()
