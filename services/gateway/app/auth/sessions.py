"""Sign-ins from their beginning to their end, and the tokens that stand for them meanwhile."""

from dataclasses import dataclass
from typing import Literal

from novakit.clock import Clock
from novakit.ids import NewId
from novakit.logs import Logger
from novakit.problem import Problem
from novakit.pseudonyms import Pseudonyms

from ..credentials import Caller, digest
from ..metrics import GatewayMetrics
from ..store.sign_ins import NewSignIn, SignIns
from .access import Access
from .tokens import ACCESS_SECONDS, REFRESH_SECONDS, REPEAT_SECONDS, AccessTokens, RefreshTokens


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that is about to be stored, and its refresh token."""

    row: NewSignIn
    refresh_token: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What whoever signed in is given."""

    user_id: str
    name: str | None
    role: str
    access_token: str
    refresh_token: str
    expires_in: int = ACCESS_SECONDS


class Sessions:
    """Begins, continues and ends sign-ins."""

    def __init__(
        self,
        sign_ins: SignIns,
        access: Access,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        *,
        clock: Clock,
        new_id: NewId,
        metrics: GatewayMetrics,
        log: Logger,
        pseudonym: Pseudonyms,
    ) -> None:
        self._sign_ins = sign_ins
        self._access = access
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._clock = clock
        self._new_id = new_id
        self._metrics = metrics
        self._log = log
        self._pseudonym = pseudonym

    def begin(self) -> Begun:
        """A new sign-in, for whoever stores it together with what it follows from."""
        wall = self._clock.wall()
        sign_in_id = self._new_id()
        token = self._refresh_tokens.first(sign_in_id)
        return Begun(NewSignIn(sign_in_id, digest(token), wall, wall + REFRESH_SECONDS), token)

    def signed_in(self, begun: Begun, *, user_id: str, name: str | None, role: str) -> SignedIn:
        """The tokens of a sign-in that has been stored."""
        access = self._access_tokens.sign(user_id, begun.row.id, self._clock.wall())
        return SignedIn(user_id, name, role, access, begun.refresh_token)

    async def refresh(self, token: str) -> SignedIn:
        """New tokens for a refresh token. Raises Problem 401, for a token that was replaced after ending its sign-in.

        A token that was replaced less than REPEAT_SECONDS ago gets what it got the first time.
        """
        wall = self._clock.wall()
        sign_in_id = self._refresh_tokens.sign_in_of(token)
        if sign_in_id is None:
            self._metrics.refreshed("unknown")
            raise _refused("unknown")
        owner = await self._sign_ins.owner(sign_in_id, wall)
        successors = {digest(successor): successor for successor in self._refresh_tokens.successors(token)}
        rotation, current = await self._sign_ins.rotate(
            sign_in_id,
            presented=digest(token),
            successors=tuple(successors),
            wall=wall,
            expires_at=wall + REFRESH_SECONDS,
            grace=REPEAT_SECONDS,
        )
        self._metrics.refreshed(rotation)
        if rotation == "reused":
            self._access.forget(sign_in_id)
            self._log.warning("refresh_token_reused", user=owner and self._pseudonym(owner.user_id))
            raise _refused("reused")
        if rotation == "unknown" or owner is None:
            raise _refused("unknown")
        access = self._access_tokens.sign(owner.user_id, sign_in_id, wall)
        return SignedIn(owner.user_id, owner.name, owner.role, access, successors[current])

    async def end(self, caller: Caller) -> None:
        """Sign the caller out here; raises Problem 400 for a call with an API key."""
        _require_session(caller)
        await self._sign_ins.end(caller.credential_id)
        self._access.forget(caller.credential_id)

    async def end_all(self, caller: Caller) -> None:
        """Sign the caller out everywhere; API keys go on to work."""
        await self._sign_ins.end_all(caller.user_id)
        self._access.forget_user(caller.user_id)

    async def delete_expired(self) -> None:
        """Forget the sign-ins that can no longer be used."""
        await self._sign_ins.delete_expired(self._clock.wall())


def _require_session(caller: Caller) -> None:
    if caller.kind != "session":
        raise Problem(400, "This call came with an API key; revoke one with DELETE /api/auth/keys/{id}.")


def _refused(why: Literal["unknown", "reused"]) -> Problem:
    detail = "The refresh token is not valid: it is unknown, has expired, or its sign-in has ended. Sign in again."
    if why == "reused":
        detail = (
            "This refresh token had been replaced, so somebody else may have a copy of it. "
            "Its sign-in has been ended everywhere; sign in again."
        )
    return Problem(401, detail, headers={"WWW-Authenticate": "Bearer"})
