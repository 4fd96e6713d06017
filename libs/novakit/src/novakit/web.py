"""A FastAPI app as every service makes it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from fastapi.routing import APIRoute
from prometheus_client import disable_created_metrics

from . import problem

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
    problem.install(app)
    return app


def _operation_id(route: APIRoute) -> str:
    """The function's name, which is what generated clients call the operation."""
    return route.name
