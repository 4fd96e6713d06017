"""Says who is calling."""

from novakit.clock import Clock
from novakit.database.outage import OUTAGES
from novakit.logs import Logger
from novakit.problem import Problem
from starlette.types import Scope

from ..credentials import Caller, Presented, digest, presented
from ..errors import unavailable
from ..store.api_keys import ApiKeys
from ..store.sign_ins import SignIns
from .origin import require_own_page
from .tokens import AccessTokens
from .verified import Verified

VERIFIED_SECONDS = 30
# How exact "last used" is: written at most this often for a key.
TOUCH_SECONDS = 3600

CALLER_PROBLEMS = {
    401: "The API key or session is missing or not valid.",
    503: "The accounts cannot be read now.",
}
"""What every route may answer that is for callers who are known."""


class Access:
    """Verifies credentials: from memory where they were verified a moment ago, else from the database.

    What is revoked or changed in this process counts at once; what is in another, within VERIFIED_SECONDS.
    """

    def __init__(self, keys: ApiKeys, sign_ins: SignIns, tokens: AccessTokens, *, clock: Clock, log: Logger) -> None:
        self._keys = keys
        self._sign_ins = sign_ins
        self._tokens = tokens
        self._clock = clock
        self._log = log
        self._verified = Verified(VERIFIED_SECONDS)

    async def caller(self, scope: Scope) -> Caller:
        """Whose call this is; raises Problem 401, and 403 for a call that a foreign page may have made."""
        credential = presented(scope)
        if credential is None:
            raise _not_signed_in("Sign in, or send an API key as Authorization: Bearer nc_….")
        hashed = digest(credential.token)
        caller = self._verified.get(hashed, self._clock.now()) or await self._look_up(credential, hashed)
        # A key sent as a cookie comes from nobody that was given it.
        if caller is None or caller.kind != credential.kind or self._expired(caller):
            raise _not_signed_in(
                "The API key or access token is not valid: it is unknown, has expired or was revoked."
            )
        if credential.by_cookie:
            require_own_page(scope)
        return caller

    def forget(self, credential_id: str) -> None:
        """Let a revoked key or an ended sign-in count no longer."""
        self._verified.forget(credential_id)

    def forget_user(self, user_id: str) -> None:
        """Look again at everything of this user's."""
        self._verified.forget_user(user_id)

    def _expired(self, caller: Caller) -> bool:
        return caller.expires_at is not None and caller.expires_at <= self._clock.wall()

    async def _look_up(self, credential: Presented, hashed: str) -> Caller | None:
        epoch = self._verified.epoch
        try:
            caller = await (
                self._by_key(hashed) if credential.kind == "api_key" else self._by_token(credential.token)
            )
        except OUTAGES as error:
            raise unavailable(error, self._log) from None
        if caller is not None:
            self._verified.put(hashed, caller, now=self._clock.now(), epoch=epoch)
        return caller

    async def _by_token(self, token: str) -> Caller | None:
        wall = self._clock.wall()
        claims = self._tokens.read(token, wall)
        owner = claims and await self._sign_ins.owner(claims.sign_in_id, wall)
        if not claims or not owner or owner.user_id != claims.user_id:
            return None
        return Caller(
            user_id=owner.user_id,
            role=owner.role,
            kind="session",
            credential_id=claims.sign_in_id,
            expires_at=claims.expires_at,
        )

    async def _by_key(self, hashed: str) -> Caller | None:
        found = await self._keys.find(hashed)
        if found is None:
            return None
        await self._touch(found.caller, found.last_used_at)
        return found.caller

    async def _touch(self, caller: Caller, last_used_at: float | None) -> None:
        wall = self._clock.wall()
        if last_used_at is not None and wall - last_used_at < TOUCH_SECONDS:
            return
        try:
            await self._keys.touch(caller.credential_id, wall)
        except OUTAGES as error:
            # When a key was last used is worth no failed call.
            self._log.warning("last_use_not_written", reason=type(error).__name__)


def _not_signed_in(detail: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": "Bearer"})
