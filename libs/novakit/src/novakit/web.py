"""A FastAPI app as every service makes it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from prometheus_client import disable_created_metrics
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from .problem import CRASHED, MEDIA_TYPE, Problem

_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def new_app(title: str, lifespan: Lifespan, *, max_body_bytes: int, openapi_url: str | None = None) -> FastAPI:
    """An app whose errors are problem documents.

    FastAPI's own telemetry is off: it would look for exporters at each request, and would send them whole paths and
    the messages of errors. Its documentation pages are off: they load their scripts from elsewhere. Slashes are not
    redirected: behind a proxy, the redirect would show an inner address.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]
    app = FastAPI(
        title=title,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=openapi_url,
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
        max_body_size=max_body_bytes,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    let_problems_out(app)
    return app


def _operation_id(route: APIRoute) -> str:
    """The function's name, which is what generated clients call the operation."""
    return route.name


def answer(problem: Problem) -> Response:
    """A problem as the answer of a route."""
    return Response(problem.body(), status_code=problem.status, media_type=MEDIA_TYPE, headers=problem.headers)


def let_problems_out(app: FastAPI) -> None:
    """Let every error of this app leave it as a problem document."""

    @app.exception_handler(Problem)
    async def _problem(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101 (what the handler is registered for)
        return answer(error)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 (what the handler is registered for)
        return answer(_from_http(request, error))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 (what the handler is registered for)
        return answer(Problem(422, sentence(error.errors())))

    @app.exception_handler(Exception)
    async def _crash(_request: Request, _error: Exception) -> Response:
        # The server ends the connection after a crash: nobody may send a second request into it.
        return answer(Problem(500, CRASHED, headers={"Connection": "close"}))


def _from_http(request: Request, error: HTTPException) -> Problem:
    if error.status_code == 405:
        # Starlette names the methods of the first route alone that has this path.
        allowed = ", ".join(_methods_of(request))
        return Problem(405, f"This path takes {allowed} only.", headers={"Allow": allowed})
    if error.status_code == 400 and error.__cause__ is not None:
        # FastAPI tells of a body that is no JSON with 422, but of one that Python cannot even try to read with this.
        return Problem(422, "the body is not JSON in UTF-8, or it is nested too deeply")
    return Problem(error.status_code, str(error.detail), headers=error.headers)


def _methods_of(request: Request) -> list[str]:
    """The methods that the request's path can be asked with."""
    routes: Sequence[BaseRoute] = request.app.router.routes
    asked = ({**request.scope, "method": method} for method in _METHODS)
    return [scope["method"] for scope in asked if any(route.matches(scope)[0] is Match.FULL for route in routes)]


def sentence(errors: Sequence[Mapping[str, Any]]) -> str:
    """What a validation found, in one line: the field's name and what is wrong with it."""
    parts = []
    for error in errors:
        if error.get("type") == "json_invalid":
            parts.append("the body is not JSON")
            continue
        where = ".".join(str(part) for part in error["loc"] if part not in {"body", "query", "path"})
        # The name of a field that is not known is the caller's: half a character in it cannot be told as it is.
        where = where.encode("utf-8", "replace").decode()
        parts.append(f"{where}: {error['msg']}" if where else str(error["msg"]))
    return "; ".join(parts)
