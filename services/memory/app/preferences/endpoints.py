"""The preferences of the user on whose behalf a service calls."""

from fastapi import APIRouter
from novakit.openapi import INNER_PROBLEMS

from ..caller import UserId
from .repository import PreferencesRepository
from .schemas import Preferences


def router(repository: PreferencesRepository) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/memory", tags=["preferences"], responses=INNER_PROBLEMS)

    @routes.get("/preferences")
    async def read_preferences(user_id: UserId) -> Preferences:
        """Give the user's preferences."""
        return await repository.get(user_id)

    @routes.put("/preferences")
    async def replace_preferences(user_id: UserId, wanted: Preferences) -> Preferences:
        """Replace the user's preferences, and give what is stored."""
        await repository.put(user_id, wanted)
        return await repository.get(user_id)

    return routes
