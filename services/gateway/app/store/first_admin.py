"""Every query by which the first admin comes to be: the bootstrap key, and the one-time sign-in link."""

from novakit.database import Database
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from .api_keys import NewKey, insert_key
from .sign_ins import NewSignIn, insert_sign_in
from .tables import sign_in_links, users
from .users import ADMIN, enabled_admin, insert_user

FIRST_ADMIN = "first admin"
"""The lock under which it is decided who becomes the first admin: several gateways may start at once."""


class FirstAdmin:
    """How a gateway that nobody has an account with gets its first."""

    def __init__(self, database: Database, engine: AsyncEngine) -> None:
        self._database = database
        self._engine = engine

    async def bootstrap(self, user_id: str, key: NewKey) -> bool:
        """Make the admin with this key where there is no user yet; says whether it was done."""
        async with self._engine.begin() as connection:
            await self._database.lock(connection, FIRST_ADMIN)
            if await connection.scalar(select(users.c.id).limit(1)) is not None:
                return False
            await insert_user(connection, user_id, role=ADMIN, wall=key.created_at)
            await insert_key(connection, user_id, key)
        return True

    async def see_link(self, hashed: str, wall: float) -> None:
        """Remember when a sign-in link was first handed over; later starts with the same link change nothing."""
        try:
            async with self._engine.begin() as connection:
                await connection.execute(insert(sign_in_links).values(hash=hashed, first_seen_at=wall))
        except IntegrityError:
            return

    async def use_link(self, hashed: str, *, seen_after: float, new_user_id: str, sign_in: NewSignIn) -> str | None:
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
            .values(used_at=sign_in.created_at)
        )
        admin = select(users.c.id).where(enabled_admin()).order_by(users.c.created_at, users.c.id).limit(1)
        async with self._engine.begin() as connection:
            await self._database.lock(connection, FIRST_ADMIN)
            if (await connection.execute(use)).rowcount != 1:
                return None
            user_id = await connection.scalar(admin)
            if user_id is None:
                user_id = new_user_id
                await insert_user(connection, user_id, role=ADMIN, wall=sign_in.created_at)
            await insert_sign_in(connection, user_id, sign_in)
        return str(user_id)
