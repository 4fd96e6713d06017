"""What can be done with accounts: the first start, signing in by link, API keys."""

import hmac
import secrets
from collections.abc import Callable

from novakit.clock import Clock
from novakit.ids import NewId
from novakit.problem import Problem

from ..credentials import API_KEY_PREFIX, Caller, digest
from ..store.accounts import Accounts, KeyRow, NewCredential
from .access import Access

LINK_SECONDS = 600
SESSION_SECONDS = 30 * 24 * 3600

NewToken = Callable[[], str]


def random_token() -> str:
    """43 characters that hold 256 random bits and are safe in a header, a cookie and a URL."""
    return secrets.token_urlsafe(32)


class AccountService:
    """The rules of accounts, over their store."""

    def __init__(
        self,
        accounts: Accounts,
        access: Access,
        *,
        clock: Clock,
        new_id: NewId,
        link_hash: str | None,
        new_token: NewToken = random_token,
    ) -> None:
        self._accounts = accounts
        self._access = access
        self._clock = clock
        self._new_id = new_id
        self._link_hash = link_hash
        self._new_token = new_token

    async def start(self, bootstrap_key: str | None) -> bool:
        """What a start of the gateway does; says whether the bootstrap key made the admin."""
        wall = self._clock.wall()
        await self._accounts.delete_expired_sessions(wall)
        if self._link_hash is not None:
            await self._accounts.see_link(self._link_hash, wall)
        if bootstrap_key is None:
            return False
        key = NewCredential(self._new_id(), "api_key", "bootstrap", digest(bootstrap_key), wall)
        return await self._accounts.bootstrap(self._new_id(), key)

    async def exchange_link(self, token: str) -> str:
        """A new browser session for a sign-in link's token; raises Problem 410."""
        hashed = digest(token)
        if self._link_hash is None or not hmac.compare_digest(hashed, self._link_hash):
            raise _link_refused()
        wall = self._clock.wall()
        session = self._new_token()
        user_id = await self._accounts.use_link(
            hashed,
            seen_after=wall - LINK_SECONDS,
            new_user_id=self._new_id(),
            session=NewCredential(
                self._new_id(), "browser", "sign-in link", digest(session), wall, wall + SESSION_SECONDS
            ),
        )
        if user_id is None:
            raise _link_refused()
        return session

    async def log_out(self, caller: Caller) -> None:
        """End the caller's browser session; raises Problem 400 for a call with an API key."""
        if caller.kind != "browser":
            raise Problem(400, "This call came with an API key; revoke one with DELETE /api/auth/keys/{id}.")
        await self._accounts.delete_session(caller.credential_id)
        self._access.forget(caller.credential_id)

    async def create_key(self, caller: Caller, name: str) -> tuple[KeyRow, str]:
        """A new API key of the caller's, and the key itself, which is known at no later time."""
        key = API_KEY_PREFIX + self._new_token()
        new = NewCredential(self._new_id(), "api_key", name, digest(key), self._clock.wall())
        await self._accounts.add(caller.user_id, new)
        return KeyRow(new.id, new.name, new.created_at, None), key

    async def keys(self, caller: Caller) -> list[KeyRow]:
        """The caller's API keys, oldest first."""
        return await self._accounts.keys(caller.user_id)

    async def revoke_key(self, caller: Caller, key_id: str) -> None:
        """Revoke one of the caller's API keys, at once; raises Problem 404."""
        if not await self._accounts.revoke_key(caller.user_id, key_id, self._clock.wall()):
            raise Problem(404, "You have no API key with this id.")
        self._access.forget(key_id)


def _link_refused() -> Problem:
    return Problem(
        410, "This sign-in link is not valid: it works once, within 10 minutes. Restart `make up` for a new link."
    )
