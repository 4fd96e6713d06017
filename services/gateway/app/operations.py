"""What is asked by those who run the gateway: its metrics."""

import hmac

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from novakit.asgi import header
from novakit.openapi import problems
from novakit.problem import Problem
from pydantic import SecretStr

from .scraping import Scraping


class MetricsToken:
    """Who may read the metrics; nobody without one."""

    def __init__(self, token: SecretStr | None) -> None:
        self._token = "" if token is None else token.get_secret_value()

    def replace(self, token: str) -> None:
        """Take this one from now on, and no other."""
        self._token = token

    def require(self, request: Request) -> None:
        """Raise Problem where the request does not hold it."""
        if not self._token:
            raise Problem(404, "There are no metrics here: METRICS_TOKEN is not set.")
        given = header(request.scope, b"authorization") or ""
        if not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            raise Problem(401, "Send METRICS_TOKEN as Authorization: Bearer.", headers={"WWW-Authenticate": "Bearer"})


def router(scraping: Scraping, *, is_open: bool, token: MetricsToken) -> APIRouter:
    """``/metrics``: for everyone where it ``is_open``, else for who holds the token."""
    routes = APIRouter(tags=["operations"])

    @routes.get(
        "/metrics",
        response_class=PlainTextResponse,
        responses=problems({401: "METRICS_TOKEN is missing or wrong.", 404: "There are no metrics here."}),
        openapi_extra={"security": [{}, {"metricsToken": []}]},
    )
    async def show_metrics(request: Request) -> Response:
        """Give the metrics of all services on this machine, in Prometheus' text format or in OpenMetrics."""
        if not is_open:
            token.require(request)
        body, content_type = await scraping.whole(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    return routes
