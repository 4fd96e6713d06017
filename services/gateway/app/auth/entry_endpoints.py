"""The routes by which one comes into an account, under /api/auth. None of them asks who is calling."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter, Request, Response
from novakit.clock import Clock
from novakit.openapi import problems
from novakit.problem import Problem

from ..credentials import REFRESH_COOKIE, cookie
from ..limits.limiter import Limiter
from ..metrics import GatewayMetrics, Way
from ..network import Network, client_address, neighbourhood
from .accounts import AccountService, too_many_attempts
from .sessions import Sessions
from .signing_in import HandOver, Link, Login, Refresh, Registration, Reset, SignIn, from_own_page

# A person opens one link; a program that guesses has no use for five a minute.
LINKS_PER_MINUTE = 5
REGISTRATIONS_PER_MINUTE = 10


ENTRY = problems(
    {
        429: "There were too many attempts.",
        503: "Too many passwords are being verified just now, or the accounts cannot be read.",
    }
)

NOBODY_YET: dict[str, Any] = {"security": [{}]}
"""A 401 of these is about what was given, not about who calls."""


class Attempts:
    """Counts attempts to come in, and holds those by link, invitation and reset back by address."""

    def __init__(self, metrics: GatewayMetrics, clock: Clock, trusted: Collection[Network]) -> None:
        self._metrics = metrics
        self._trusted = trusted
        self._limiters = {
            "link": Limiter(LINKS_PER_MINUTE, clock),
            "registration": Limiter(REGISTRATIONS_PER_MINUTE, clock),
            "reset": Limiter(REGISTRATIONS_PER_MINUTE, clock),
        }

    def address_of(self, request: Request) -> str:
        """What an attempt is counted under."""
        return neighbourhood(client_address(request.scope, self._trusted))

    @contextmanager
    def one(self, way: Way, request: Request) -> Iterator[None]:
        """Let one attempt be made; raises Problem 429."""
        try:
            limiter = self._limiters.get(way)
            if limiter is not None and (seconds := limiter.wait(self.address_of(request))):
                raise too_many_attempts(seconds)
            yield
        except Problem as problem:
            self._metrics.signed_in(way, "throttled" if problem.status == 429 else "refused")
            raise
        self._metrics.signed_in(way, "accepted")


def router(service: AccountService, sessions: Sessions, attempts: Attempts, hand_over: HandOver) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/auth", tags=["accounts"])

    @routes.post(
        "/link",
        response_model_exclude_none=True,
        responses=ENTRY | problems({410: "The link is not valid: it works once, within 10 minutes."}),
    )
    async def sign_in_by_link(link: Link, request: Request, response: Response) -> SignIn:
        """Sign the first admin in with the one-time link that `make up` printed."""
        to_page = from_own_page(request)
        with attempts.one("link", request):
            signed_in = await service.exchange_link(link.token)
        return hand_over.give(signed_in, request, response, to_page=to_page)

    @routes.post(
        "/register",
        status_code=201,
        response_model_exclude_none=True,
        responses=ENTRY | problems({409: "Somebody has this name.", 410: "The invitation is not valid."}),
    )
    async def register(wanted: Registration, request: Request, response: Response) -> SignIn:
        """Make an account and sign it in."""
        to_page = from_own_page(request)
        with attempts.one("registration", request):
            signed_in = await service.register(wanted.invitation, wanted.name, wanted.password.get_secret_value())
        return hand_over.give(signed_in, request, response, to_page=to_page)

    @routes.post(
        "/login",
        response_model_exclude_none=True,
        responses=ENTRY | problems({401: "The name or the password is not right."}),
        openapi_extra=NOBODY_YET,
    )
    async def log_in(login: Login, request: Request, response: Response) -> SignIn:
        """Sign in with a name and a password."""
        to_page = from_own_page(request)
        with attempts.one("password", request):
            address = attempts.address_of(request)
            signed_in = await service.log_in(login.name, login.password.get_secret_value(), address)
        return hand_over.give(signed_in, request, response, to_page=to_page)

    @routes.post(
        "/reset", response_model_exclude_none=True, responses=ENTRY | problems({410: "The link is not valid."})
    )
    async def reset(wanted: Reset, request: Request, response: Response) -> SignIn:
        """Set a new password with the link that an admin gave, and sign in. All earlier sign-ins end."""
        to_page = from_own_page(request)
        with attempts.one("reset", request):
            signed_in = await service.reset(wanted.token, wanted.password.get_secret_value())
        return hand_over.give(signed_in, request, response, to_page=to_page)

    @routes.post(
        "/refresh",
        response_model_exclude_none=True,
        responses=ENTRY | problems({401: "The refresh token is not valid, or was used before."}),
        openapi_extra=NOBODY_YET,
    )
    async def refresh(given: Refresh, request: Request, response: Response) -> SignIn:
        """Get new tokens. A refresh token works once: one that comes again later ends the whole sign-in."""
        to_page = from_own_page(request)
        token = cookie(request.scope, REFRESH_COOKIE) if to_page else given.refresh_token
        signed_in = await sessions.refresh(token or "")
        return hand_over.give(signed_in, request, response, to_page=to_page)

    return routes
