"""What an admin does with the accounts of others."""

from dataclasses import dataclass

from novakit.clock import Clock
from novakit.ids import NewId
from novakit.logs import Logger
from novakit.problem import Problem
from novakit.pseudonyms import Pseudonyms

from ..credentials import Caller, Role, digest
from ..store.api_keys import ApiKeys
from ..store.tickets import Invitation, NewTicket, Tickets
from ..store.users import User, Users
from .access import Access
from .names import key_of
from .tokens import NewToken, random_token

RESET_SECONDS = 24 * 3600
HOUR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Issued:
    """A ticket's token, which is known at no later time, and until when it works."""

    id: str
    token: str
    expires_at: float


class Administration:
    """The rules, over the stores."""

    def __init__(
        self,
        users: Users,
        tickets: Tickets,
        keys: ApiKeys,
        access: Access,
        *,
        clock: Clock,
        new_id: NewId,
        log: Logger,
        pseudonym: Pseudonyms,
        new_token: NewToken = random_token,
    ) -> None:
        self._users = users
        self._tickets = tickets
        self._keys = keys
        self._access = access
        self._clock = clock
        self._new_id = new_id
        self._log = log
        self._pseudonym = pseudonym
        self._new_token = new_token

    async def users(self, query: str, after: str, limit: int) -> tuple[list[User], int]:
        """A page of users, oldest first, and how many there are in all."""
        return await self._users.page(query=key_of(query), after=after, limit=limit)

    async def change(self, admin: Caller, user_id: str, *, role: Role | None, disabled: bool | None) -> User:
        """Change a user's role, disable or enable them, at once; raises Problem 404, and 409 for the last admin."""
        await self._user(user_id)
        if role is not None or disabled is not None:
            if not await self._users.change(user_id, role=role, disabled=disabled, wall=self._clock.wall()):
                raise Problem(409, "This is the last admin: make another one first.")
            self._access.forget_user(user_id)
            self._log.info(
                "account_changed",
                account=self._pseudonym(user_id),
                by=self._pseudonym(admin.user_id),
                role=role,
                disabled=disabled,
            )
        return await self._user(user_id)

    async def reset(self, admin: Caller, user_id: str) -> Issued:
        """Let a user set a new password, and end their sign-ins at once.

        Raises Problem 404, and 409 for one who could not sign in with it.
        """
        user = await self._user(user_id)
        if user.name is None:
            raise Problem(
                409, "This account has no name to sign in with yet; its owner chooses one on first signing in."
            )
        ticket, token = self._ticket(admin, RESET_SECONDS)
        await self._tickets.may_reset(ticket, user_id)
        self._access.forget_user(user_id)
        self._log.info("password_reset_issued", account=self._pseudonym(user_id), by=self._pseudonym(admin.user_id))
        return Issued(ticket.id, token, ticket.expires_at)

    async def revoke_keys(self, admin: Caller, user_id: str) -> None:
        """Revoke all of a user's API keys, at once; raises Problem 404."""
        await self._user(user_id)
        count = await self._keys.revoke_all(user_id, self._clock.wall())
        self._access.forget_user(user_id)
        self._log.info(
            "api_keys_revoked", account=self._pseudonym(user_id), by=self._pseudonym(admin.user_id), count=count
        )

    async def invite(self, admin: Caller, role: Role, expires_in_hours: int) -> Issued:
        """Let somebody register with this role."""
        ticket, token = self._ticket(admin, expires_in_hours * HOUR_SECONDS)
        await self._tickets.invite(ticket, role)
        self._log.info("invitation_issued", by=self._pseudonym(admin.user_id), role=role)
        return Issued(ticket.id, token, ticket.expires_at)

    async def invitations(self) -> list[Invitation]:
        """Those that can still be used, oldest first."""
        return await self._tickets.invitations(self._clock.wall())

    async def revoke_invitation(self, invitation_id: str) -> None:
        """Let an invitation count no longer; raises Problem 404."""
        if not await self._tickets.revoke(invitation_id):
            raise Problem(404, "There is no invitation with this id; it may have been used.")

    def _ticket(self, admin: Caller, seconds: int) -> tuple[NewTicket, str]:
        token, wall = self._new_token(), self._clock.wall()
        return NewTicket(self._new_id(), digest(token), admin.user_id, wall, wall + seconds), token

    async def _user(self, user_id: str) -> User:
        user = await self._users.get(user_id)
        if user is None:
            raise Problem(404, "There is no account with this id.")
        return user
