"""What is asked by those who run the gateway: its metrics."""

import hmac

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from novakit.asgi import header
from novakit.openapi import problems
from novakit.problem import Problem
from pydantic import SecretStr

from .scraping import Scraping


def router(scraping: Scraping, *, is_open: bool, token: SecretStr | None) -> APIRouter:
    """``/metrics``: for everyone where it ``is_open``, else for who holds the token; without one it is not there."""
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
            _require(request, token)
        body, content_type = await scraping.whole(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    return routes


def _require(request: Request, token: SecretStr | None) -> None:
    if token is None:
        raise Problem(404, "There are no metrics here: METRICS_TOKEN is not set.")
    wanted = f"Bearer {token.get_secret_value()}".encode()
    given = (header(request.scope, b"authorization") or "").encode()
    if not hmac.compare_digest(given, wanted):
        raise Problem(401, "Send METRICS_TOKEN as Authorization: Bearer.", headers={"WWW-Authenticate": "Bearer"})
