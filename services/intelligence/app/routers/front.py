"""The outermost layer of the app."""

from typing import Protocol

from novakit import logs
from starlette.datastructures import State
from starlette.types import ASGIApp, Receive, Scope, Send

from .chat import CHAT_PATHS
from .completions import PREFIX
from .resuming import ResumeEndpoints

log = logs.get("chat")


class Endpoints(Protocol):
    """Serves the paths of the hot path."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ...


class Front:
    """Takes the paths of the hot path out, as pure ASGI, and logs a crash by its place alone.

    Passed on, the crash would be logged with its message, which may quote what a person wrote. ``state`` is the
    app's; its ``chat``, ``resume`` and ``completions`` are the endpoints, once the app has started.
    """

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            endpoints = self._endpoints(scope["path"])
            if endpoints is not None:
                await endpoints.serve(scope, receive, send)
            else:
                await self._app(scope, receive, send)
        except Exception as crash:  # noqa: BLE001 (see above; FastAPI has answered for its own routes by now)
            log.error("crashed", error=type(crash).__name__, at=logs.where(crash))

    def _endpoints(self, path: str) -> Endpoints | None:
        found: Endpoints | None = None
        if path in CHAT_PATHS:
            found = self._state.chat
        elif path.startswith(PREFIX):
            found = self._state.completions
        elif ResumeEndpoints.takes(path):
            found = self._state.resume
        return found
