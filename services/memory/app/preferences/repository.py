"""Every query on preferences."""

from novakit.database import upsert
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ..store.tables import preferences
from .schemas import Preferences


class PreferencesRepository:
    """The stored preferences."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def ping(self) -> None:
        """Return where the database answers, and raise where it does not."""
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def get(self, user_id: str) -> Preferences:
        """The user's preferences; all null where nothing was ever set."""
        query = select(preferences.c.provider_order, preferences.c.hedging).where(preferences.c.user_id == user_id)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            return Preferences()
        return Preferences(provider_order=row.provider_order, hedging=row.hedging)

    async def put(self, user_id: str, wanted: Preferences) -> None:
        """Store them in place of what was there."""
        values = wanted.model_dump()
        change = upsert(self._engine, preferences).values(user_id=user_id, **values)
        async with self._engine.begin() as connection:
            await connection.execute(change.on_conflict_do_update(index_elements=["user_id"], set_=values))
