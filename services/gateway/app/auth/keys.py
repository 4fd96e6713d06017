"""API keys, as their owners manage them."""

from novakit.clock import Clock
from novakit.ids import NewId
from novakit.problem import Problem

from ..credentials import API_KEY_PREFIX, Caller, KeyScope, digest
from ..store.api_keys import ApiKeys, KeyRow, NewKey
from .access import Access
from .tokens import NewToken, random_token

DAY_SECONDS = 24 * 3600


class KeyService:
    """Makes, lists and revokes keys."""

    def __init__(
        self, keys: ApiKeys, access: Access, *, clock: Clock, new_id: NewId, new_token: NewToken = random_token
    ) -> None:
        self._keys = keys
        self._access = access
        self._clock = clock
        self._new_id = new_id
        self._new_token = new_token

    async def create(
        self, caller: Caller, name: str, scope: KeyScope, expires_in_days: int | None
    ) -> tuple[KeyRow, str]:
        """A new key of the caller's, and the key itself, which is known at no later time; raises Problem 403."""
        if scope == "admin" and caller.role != "admin":
            raise Problem(403, "Only an admin can make a key with the scope admin.")
        key = API_KEY_PREFIX + self._new_token()
        wall = self._clock.wall()
        expires_at = None if expires_in_days is None else wall + expires_in_days * DAY_SECONDS
        new = NewKey(self._new_id(), name, scope, digest(key), wall, expires_at)
        await self._keys.add(caller.user_id, new)
        return KeyRow(new.id, name, scope, wall, expires_at, None), key

    async def of(self, caller: Caller) -> list[KeyRow]:
        """The caller's keys, oldest first."""
        return await self._keys.of(caller.user_id)

    async def revoke(self, caller: Caller, key_id: str) -> None:
        """Revoke one of the caller's keys, at once; raises Problem 404."""
        if not await self._keys.revoke(caller.user_id, key_id, self._clock.wall()):
            raise Problem(404, "You have no API key with this id.")
        self._access.forget(key_id)
