"""A FastAPI app as every service makes it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI
from prometheus_client import disable_created_metrics

from . import problem

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def new_app(title: str, lifespan: Lifespan, *, max_body_bytes: int, openapi: bool = False) -> FastAPI:
    """An app whose errors are problem documents.

    FastAPI's own telemetry is off: it would look for exporters at each request, and would send them whole paths and
    the messages of errors. Its documentation pages are off: they load their scripts from elsewhere. Slashes are not
    redirected: behind a proxy, the redirect would show an inner address.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]
    options: dict[str, Any] = {} if openapi else {"openapi_url": None}
    app = FastAPI(
        title=title,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        max_body_size=max_body_bytes,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        **options,
    )
    problem.install(app)
    return app
