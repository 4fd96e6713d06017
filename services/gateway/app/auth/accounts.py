"""How somebody comes to an account, and into it: the first start, links, registering, passwords, resets."""

import hmac
from dataclasses import dataclass

from novakit.clock import Clock
from novakit.ids import NewId
from novakit.problem import Problem
from novakit.signing import SigningSecret

from ..credentials import Caller, digest
from ..store.api_keys import NewKey
from ..store.first_admin import FirstAdmin
from ..store.tickets import INVITATION, RESET, Tickets
from ..store.users import NameTakenError, User, Users
from .access import Access
from .names import key_of, named
from .passwords import Passwords
from .sessions import Sessions, SignedIn
from .throttle import SignInThrottle
from .tokens import address_hash

LINK_SECONDS = 600
# Where somebody has signed in from counts as known for this long.
KNOWN_SECONDS = 90 * 24 * 3600
# How long what has expired may lie about, where somebody signs in.
TIDY_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings say of accounts.

    The secret that hashes of addresses are made with, the hash of the one-time sign-in link's token, and whether
    anyone may register.
    """

    secret: SigningSecret
    link_hash: str | None
    is_open: bool


class AccountService:
    """The rules, over the stores."""

    def __init__(
        self,
        users: Users,
        first_admin: FirstAdmin,
        tickets: Tickets,
        sessions: Sessions,
        access: Access,
        passwords: Passwords,
        throttle: SignInThrottle,
        *,
        clock: Clock,
        new_id: NewId,
        policy: Policy,
    ) -> None:
        self._users = users
        self._first_admin = first_admin
        self._tickets = tickets
        self._sessions = sessions
        self._access = access
        self._passwords = passwords
        self._throttle = throttle
        self._clock = clock
        self._new_id = new_id
        self._policy = policy
        self._tidied_at = clock.now()

    async def start(self, bootstrap_key: str | None) -> bool:
        """What a start of the gateway does; says whether the bootstrap key made the admin."""
        wall = self._clock.wall()
        await self._tidy()
        if self._policy.link_hash is not None:
            await self._first_admin.see_link(self._policy.link_hash, wall)
        if bootstrap_key is None:
            return False
        key = NewKey(self._new_id(), "bootstrap", "admin", digest(bootstrap_key), wall)
        return await self._first_admin.bootstrap(self._new_id(), key)

    async def exchange_link(self, token: str) -> SignedIn:
        """Sign the first admin in with the token of the launcher's link; raises Problem 410."""
        hashed, link_hash = digest(token), self._policy.link_hash
        if link_hash is None or not hmac.compare_digest(hashed, link_hash):
            raise _link_refused()
        begun = self._sessions.begin()
        user_id = await self._first_admin.use_link(
            hashed,
            seen_after=self._clock.wall() - LINK_SECONDS,
            new_user_id=self._new_id(),
            sign_in=begun.row,
        )
        if user_id is None:
            raise _link_refused()
        user = await self._user(user_id)
        return self._sessions.signed_in(begun, user_id=user.id, name=user.name, role=user.role)

    async def register(self, invitation: str | None, name: str, password: str) -> SignedIn:
        """Make an account and sign it in; raises Problem 403, 409, 410, and 422 for a password that is the name."""
        _require_unlike(password, name)
        hashed = None
        if invitation is not None:
            hashed = digest(invitation)
            # Before the work of a hash, which is for those alone who were invited.
            if not await self._tickets.works(INVITATION, hashed, self._clock.wall()):
                raise _invitation_refused()
        elif not self._policy.is_open:
            raise Problem(403, "Accounts are made by invitation here: ask an admin for one.")
        elif not await self._users.has_admin():
            raise Problem(403, "The first account is the admin's: open the sign-in link that `make up` printed.")
        password_hash = await self._passwords.hash(password)
        begun = self._sessions.begin()
        user_id = self._new_id()
        try:
            role = await self._tickets.register(
                hashed, user_id=user_id, name=named(name), password_hash=password_hash, sign_in=begun.row
            )
        except NameTakenError:
            raise _name_taken() from None
        if role is None:
            raise _invitation_refused()
        return self._sessions.signed_in(begun, user_id=user_id, name=name, role=role)

    async def log_in(self, name: str, password: str, address: str) -> SignedIn:
        """Sign in with a password; raises Problem 401 and 429.

        A name that nobody has, a wrong password and a disabled account are told apart neither by the answer nor by
        the work that it took.
        """
        key = key_of(name)
        where = address_hash(self._policy.secret.signing(), key, address)
        found = await self._users.login(key, where)
        known = found.from_known_address
        if seconds := self._throttle.wait(key, address, known=known):
            raise too_many_attempts(seconds)
        right, renewed = await self._passwords.verify(password, found.password_hash)
        if not right or found.user is None or found.password_hash is None:
            raise _login_refused()
        begun = self._sessions.begin()
        user = found.user
        if not await self._users.signed_in(
            user.id, begun.row, address_hash=where, verified=found.password_hash, renewed=renewed
        ):
            raise _login_refused()
        self._throttle.succeeded(key, address, known=known)
        if self._clock.now() - self._tidied_at >= TIDY_SECONDS:
            await self._tidy()
        return self._sessions.signed_in(begun, user_id=user.id, name=user.name, role=user.role)

    async def reset(self, token: str, password: str) -> SignedIn:
        """Set a new password with the token that an admin gave, and sign in with it; raises Problem 410."""
        hashed = digest(token)
        if not await self._tickets.works(RESET, hashed, self._clock.wall()):
            raise _reset_refused()
        password_hash = await self._passwords.hash(password)
        begun = self._sessions.begin()
        user_id = await self._tickets.reset(hashed, password_hash=password_hash, sign_in=begun.row)
        if user_id is None:
            raise _reset_refused()
        self._access.forget_user(user_id)
        user = await self._user(user_id)
        return self._sessions.signed_in(begun, user_id=user.id, name=user.name, role=user.role)

    async def set_password(self, caller: Caller, *, name: str | None, current: str | None, new: str) -> None:
        """Set the caller's password and end the caller's other sign-ins.

        Who has none yet gives a name with it; who has one gives the present password. Raises Problem 403, 409, 422.
        """
        user = await self._user(caller.user_id)
        shown = _name_to_set(user, name)
        _require_unlike(new, shown or user.name or "")
        present = await self._users.password_hash(user.id)
        if present is not None:
            if current is None:
                raise Problem(422, "current_password: it is missing.")
            if not (await self._passwords.verify(current, present))[0]:
                raise Problem(403, "The present password is not right.")
        hashed = await self._passwords.hash(new)
        kept = caller.credential_id if caller.kind == "session" else ""
        try:
            done = await self._users.set_password(
                user.id, hashed, replacing=present, name=None if shown is None else named(shown), but=kept
            )
        except NameTakenError:
            raise _name_taken() from None
        if not done:
            raise Problem(409, "The password was changed by another call at the same time.")
        self._access.forget_user(user.id)

    async def _tidy(self) -> None:
        """Forget what can no longer be used. Each sign-in adds a row, so signing in does this now and then."""
        self._tidied_at = self._clock.now()
        wall = self._clock.wall()
        await self._sessions.delete_expired()
        await self._tickets.delete_expired(wall)
        await self._users.delete_old_addresses(wall - KNOWN_SECONDS)

    async def me(self, caller: Caller) -> User:
        """The caller's account."""
        return await self._user(caller.user_id)

    async def _user(self, user_id: str) -> User:
        user = await self._users.get(user_id)
        if user is None:
            raise Problem(401, "This account is not there any more.")
        return user


def too_many_attempts(seconds: int) -> Problem:
    """Who may try again after this many seconds."""
    return Problem(429, f"Too many attempts; try again in {seconds} s.", headers={"Retry-After": str(seconds)})


def _name_to_set(user: User, name: str | None) -> str | None:
    if user.name is None and name is None:
        raise Problem(422, "name: it is missing; this account has none yet to sign in with.")
    if user.name is not None and name not in {None, user.name}:
        raise Problem(422, "name: this account has a name already, which cannot be changed.")
    return name if user.name is None else None


def _require_unlike(password: str, name: str) -> None:
    if key_of(password) == key_of(name):
        raise Problem(422, "password: it must not be the name.")


def _link_refused() -> Problem:
    return Problem(
        410, "This sign-in link is not valid: it works once, within 10 minutes. Restart `make up` for a new link."
    )


def _invitation_refused() -> Problem:
    return Problem(410, "This invitation is not valid: it was used, was revoked or has expired. Ask for a new one.")


def _reset_refused() -> Problem:
    return Problem(
        410, "This link is not valid: it was used, was replaced or has expired. Ask an admin for a new one."
    )


def _login_refused() -> Problem:
    return Problem(401, "The name or the password is not right.", headers={"WWW-Authenticate": "Bearer"})


def _name_taken() -> Problem:
    return Problem(409, "Somebody has this name already; choose another.")
